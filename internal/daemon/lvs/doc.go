// Package lvs is the work of the lvs process: it joins health checks, the
// pool, the follow-mastership rule and the kernel's IPVS table.
//
//	healthcheck.Runner -> verdict -> ipvs.Pool (pure) -> wanted table
//	  -> what mastership allows (follow.go, pure) -> ipvs.Plan (pure) -> kernel
//
// One goroutine, that of [LVS.Run], owns all state. Everything else, verdicts,
// states of virtual routers, reloads, questions, comes to it through an inbox
// that never blocks its callers.
//
// IPVS sends no notifications, so the table is read when the process starts,
// after every error, and every minute; what differs is repaired and said. What
// is already as wanted is not touched, so a process that replaces a killed one
// changes nothing that need not change. Services that are neither configured
// nor ours are reported and left alone. Which ones are ours is handed to
// [Deps.SaveOwned] before the kernel is told, so that it can never be short of
// what the kernel has.
package lvs
