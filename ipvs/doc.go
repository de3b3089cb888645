// Package ipvs holds the Linux virtual server table of a director: what it
// should be, what it is, and the way from one to the other.
//
// Three parts know nothing of the kernel and are pure functions of their
// input:
//
//   - the model: [Service], [Destination] and [Table] are plain comparable
//     values in one canonical order;
//   - the pool: [Pool] turns verdicts of health checks, and orders of an
//     operator or a file ([Order]: a weight, drain, out), into the wanted table
//     and into events (a real server or a virtual server went up or down);
//   - the plan: [Plan] turns "have" and "want" into the fewest [Op]s. It adds
//     before it deletes and leaves what is as wanted alone. Services that are
//     neither wanted nor ours are never touched; [Foreign] names them.
//
// The fourth part is the kernel: the interface [Kernel], its implementation
// over generic netlink ([Open], Linux only), and [Fake], which holds state in
// memory and refuses what Linux refuses.
//
// IPVS sends no notifications and has no owner marks. A caller re-reads the
// table when it starts, after any error and now and then, and keeps for itself
// which services it installed.
//
// Types that github.com/cloudflare/ipvs has are used as they are; it also does
// the reads that it can do. All writes are encoded here: 256 messages go to
// the kernel in one system call, and only the last one asks for an
// acknowledgement. The kernel still reports each message that fails, by its
// sequence number.
package ipvs
