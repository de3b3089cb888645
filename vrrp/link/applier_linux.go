package link

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// NetlinkApplier is the Applier of Linux. Its goroutine takes everything that
// waits and carries it out as one batch of netlink messages: first all that is
// to be added, then all that is to be removed.
type NetlinkApplier struct {
	log    *slog.Logger
	answer func([]Applied)

	mu      sync.Mutex
	waiting []request   // in order of the owners' first Set; one for each owner
	place   map[int]int // by owner: where in waiting
	urgent  func() (undo func())
	closed  bool
	more    chan struct{}
	done    chan struct{}

	work      sync.Mutex // held while the kernel is talked to; guards the rest
	conn      *addrConn
	room      ReceiveBuffer // of conn
	list      *netlink.Handle
	installed map[int]map[addrKey]*Address // by owner: what we added and did not remove
	objects   map[int][]Object             // the same, in the order of addition
	firewall  firewall
	rules     rulesetWatch
	repairs   atomic.Uint64 // of the firewall
	watch     objectWatch
	arriving  func(Arriving)
}

type request struct {
	owner int
	gen   uint64
	want  []Address
	objs  []Object
}

var _ Applier = (*NetlinkApplier)(nil)

// NewApplier opens an applier. It needs CAP_NET_ADMIN. answer is called from
// the applier's goroutine after every batch that the kernel is done with: one
// answer for every Set that no newer one of its owner has replaced. It may keep
// the slice; log may be nil.
func NewApplier(log *slog.Logger, answer func([]Applied)) (*NetlinkApplier, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	conn, err := dialAddrs()
	if err != nil {
		return nil, err
	}
	list, err := newHandle(again)
	if err != nil {
		conn.close()
		return nil, err
	}
	a := &NetlinkApplier{
		log: log, answer: answer,
		more: make(chan struct{}, 1), done: make(chan struct{}),
		conn: conn, list: list, place: make(map[int]int), installed: make(map[int]map[addrKey]*Address), objects: make(map[int][]Object),
	}
	a.rules.look = a.repair
	go a.run()
	return a, nil
}

// Set implements Applier. It keeps want, which must not be changed any more.
// Every Set asks the kernel for everything wanted, whatever was asked before:
// that is how an address, a route or a rule comes back that a stranger removed.
func (a *NetlinkApplier) Set(owner int, gen uint64, want Wanted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	r := request{owner, gen, want.Addresses, want.Objects}
	if i, ok := a.place[owner]; ok {
		a.waiting[i] = r
	} else {
		a.place[owner] = len(a.waiting)
		a.waiting = append(a.waiting, r)
	}
	select {
	case a.more <- struct{}{}:
	default: // it has been told already
	}
}

// SetFirewall says how packets are dropped from now on; tables that exist stay
// as they are.
func (a *NetlinkApplier) SetFirewall(c FirewallConfig) {
	a.work.Lock()
	defer a.work.Unlock()
	a.firewall.cfg = c
}

// Urgent has raise called on the applier's thread, to raise its priority, before
// it changes what the kernel has, and undo there after that; nil: nothing is to be
// called. Any goroutine.
func (a *NetlinkApplier) Urgent(raise func() (undo func())) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.urgent = raise
}

// WatchObjects has lost called, from a goroutine of the applier, with the owner
// of a route or a rule that somebody else removed, and doubt with every owner
// whose routes and rules may be gone because news of the kernel were lost. It is
// called before the first Set.
func (a *NetlinkApplier) WatchObjects(lost, doubt func(owner int)) {
	a.watch.lost, a.watch.doubt = lost, doubt
}

// Close carries out what still waits and ends. What is installed stays: whoever
// wants it gone sets each owner to nothing first.
func (a *NetlinkApplier) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return ErrClosed
	}
	a.closed = true
	close(a.more)
	a.mu.Unlock()
	<-a.done
	a.watch.close()
	a.rules.close()
	a.list.Close()
	return errors.Join(a.firewall.close(), a.conn.close())
}

func (a *NetlinkApplier) run() {
	defer close(a.done)
	for range a.more {
		a.round()
	}
	a.round()
}

// helping is how many owners' additions are answered together at first: an
// address costs the kernel some 20 µs or more, and those that are there need not
// wait until all are. Each helping is twice the one before, as a plan costs more
// the more there is.
const helping = 64

// round carries out everything that waits and answers.
func (a *NetlinkApplier) round() {
	a.mu.Lock()
	reqs := a.waiting
	a.waiting = nil
	clear(a.place)
	urgent := a.urgent
	a.mu.Unlock()
	if urgent != nil && len(reqs) > 0 {
		defer urgent()()
	}
	for size := helping; len(reqs) > 0; size *= 2 {
		a.work.Lock()
		n := a.helping(reqs, size)
		errs, failed := a.carryOut(reqs[:n])
		a.work.Unlock()
		answers := make([]Applied, n)
		for i, r := range reqs[:n] {
			answers[i] = Applied{Owner: r.owner, Gen: r.gen, Err: errs[i], Failed: failed[i]}
		}
		a.answer(answers)
		reqs = reqs[n:]
	}
}

// helping is how many of reqs to carry out together: all, or size where all of
// them are owners that have nothing yet. What one owner gives up another may want.
func (a *NetlinkApplier) helping(reqs []request, size int) int {
	if len(reqs) <= size {
		return len(reqs)
	}
	for _, r := range reqs {
		if len(a.installed[r.owner]) > 0 || len(a.objects[r.owner]) > 0 {
			return len(reqs)
		}
	}
	return size
}

// carryOut changes the kernel's state for reqs; it returns one error for each,
// and the addresses of each that could not be added.
// What is to be added comes first, and of that the addresses: routes may need
// them. Removal is the other way round.
func (a *NetlinkApplier) carryOut(reqs []request) ([]error, [][]Address) {
	p := newPlan(a.installed, reqs)
	objs := newObjectPlan(a.objects, reqs)
	errs, failed := make([][]error, len(reqs)), make([][]Address, len(reqs))
	stuck := make(map[planned]bool) // what could not be removed
	note := func(ops []planned, results []error) {
		for i, err := range results {
			if err == nil {
				continue
			}
			n := ops[i].request
			errs[n] = append(errs[n], err)
			if stuck[ops[i]] = !ops[i].add; ops[i].add {
				failed[n] = append(failed[n], ops[i].addr.Address)
			}
		}
	}
	block, pass := a.blocks(reqs)
	for i, err := range a.firewall.add(block) {
		errs[i] = append(errs[i], err)
	}
	switch {
	case p.risky():
		note(p.replaced, a.removeCarefully(p.replaced))
		note(p.adds, a.apply(p.adds))
		a.applyObjects(objs, errs)
		note(p.removals, a.removeCarefully(p.removals))
	case objs.empty():
		all := p.all()
		note(all, a.applyTelling(p, all))
	default:
		first := slices.Concat(p.replaced, p.adds)
		note(first, a.apply(first))
		a.applyObjects(objs, errs)
		note(p.removals, a.apply(p.removals))
	}
	a.firewall.remove(pass, a.log)
	a.guard()
	p.remember(a.installed, stuck)
	if !objs.empty() {
		objs.remember(a.objects)
		if err := a.watch.follow(a.objects, a.conn.conn.PID()); err != nil {
			a.log.Error("cannot watch routes and rules", "error", err)
		}
	}

	joined := make([]error, len(reqs))
	for i := range reqs {
		joined[i] = errors.Join(errs[i]...)
	}
	return joined, failed
}

func (a *NetlinkApplier) apply(ops []planned) []error {
	plain := make([]addrOp, len(ops))
	for i, o := range ops {
		plain[i] = o.addrOp
	}
	return applyOps(a, plain)
}

// applyOps opens the socket anew when it failed: an answer that comes late
// must not be taken for that of a later batch.
func applyOps[T change](a *NetlinkApplier, ops []T) []error {
	if len(ops) == 0 {
		return nil
	}
	errs := apply(a.conn, ops)
	if !slices.ContainsFunc(errs, isTransport) {
		return errs
	}
	conn, err := dialAddrs()
	if err != nil {
		a.log.Error("cannot open netlink again", "error", err)
		return errs
	}
	a.conn.close()
	a.conn = conn
	if err := a.room.set(conn.conn, nlBuffer); err != nil {
		a.log.Error("receive buffer of the netlink socket not set", "bytes", a.room.Bytes, "error", err)
	}
	return errs
}

// removeCarefully removes addresses of subnets in which others stay. Without
// promote_secondaries the kernel removes those along with the first address of
// the subnet, so they are put back.
func (a *NetlinkApplier) removeCarefully(ops []planned) []error {
	if len(ops) == 0 {
		return nil
	}
	before, err := listAddrs(a.list)
	if err != nil {
		a.log.Error("cannot tell which addresses get lost by removing others", "error", err)
		return a.apply(ops)
	}
	errs := a.apply(ops)
	after, err := listAddrs(a.list)
	if err != nil {
		a.log.Error("cannot tell which addresses got lost by removing others", "error", err)
		return errs
	}
	back := lostSecondaries(before, after, ops)
	for i, err := range applyOps(a, back) {
		if err != nil {
			a.log.Error("an address that was lost with the first one of its subnet cannot be put back", "error", err)
			continue
		}
		a.log.Info("put back an address that was lost with the first one of its subnet",
			"address", back[i].addr.Prefix, "ifindex", back[i].addr.Ifindex)
	}
	return errs
}

// lostSecondaries are the addresses that were there before, are not there
// after, were not to be removed, and share a subnet with one that was.
func lostSecondaries(before, after []kernelAddr, removed []planned) []addrOp {
	present := make(map[addrKey]bool, len(after))
	for _, k := range after {
		present[k.key()] = true
	}
	gone := make(map[addrKey]bool, len(removed))
	for _, o := range removed {
		gone[o.addr.key()] = true
	}
	var back []addrOp
	for _, k := range before {
		key := k.key()
		if present[key] || gone[key] {
			continue
		}
		if slices.ContainsFunc(removed, func(o planned) bool { return shares(o.addr.key(), key) }) {
			k.Flags &^= unix.IFA_F_SECONDARY | unix.IFA_F_PERMANENT
			back = append(back, addrOp{add: true, addr: k})
		}
	}
	return back
}

// Sweep implements Applier. An address of remove with interface 0 is removed
// from every interface. It must not run beside a Set of the same things.
func (a *NetlinkApplier) Sweep(remove, keep Wanted) error {
	a.work.Lock()
	defer a.work.Unlock()
	errs := a.sweepObjects(remove.Objects, keep.Objects)
	if err := a.firewall.sweep(remove.Addresses, keep.Addresses); err != nil {
		errs = append(errs, err)
	}
	a.guard()
	present, err := listAddrs(a.list)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	ops := make([]planned, 0, len(remove.Addresses))
	for _, k := range leftOvers(present, remove.Addresses, keep.Addresses) {
		a.log.Info("removing a left-over address", "address", k.Prefix, "ifindex", k.Ifindex)
		ops = append(ops, planned{addrOp: addrOp{addr: k}})
	}
	if len(ops) > 0 {
		errs = append(errs, a.removeCarefully(ops)...)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("link: sweep: %w", err)
	}
	return nil
}

// leftOvers picks of present what carries our mark or is listed in remove,
// without what is listed in keep.
func leftOvers(present []kernelAddr, remove, keep []Address) []kernelAddr {
	set := func(list []Address) map[addrKey]bool {
		m := make(map[addrKey]bool, len(list))
		for _, x := range list {
			m[x.key()] = true
		}
		return m
	}
	listed, kept := set(remove), set(keep)
	var out []kernelAddr
	for _, k := range present {
		anywhere := addrKey{0, k.Prefix}
		switch {
		case kept[k.key()] || kept[anywhere]:
		case k.Proto == IFAProto, listed[k.key()], listed[anywhere]:
			out = append(out, k)
		}
	}
	return out
}
