package engine

import "time"

// A router that resumes what a predecessor process held finds its addresses in
// the kernel, and the applier knows nothing of them until it has set them
// itself. If the router gives mastership up before that, or cannot be master at
// all, they are removed here: nothing else would.

// inherit marks a router that was just started with EventResume.
func (r *router) inherit() { r.inherited = true }

// disinherit removes what routers inherited and do not hold on to.
func (e *Engine) disinherit(list []*router) {
	for _, r := range list {
		if r.inherited && !r.wanted {
			r.inherited = false
			e.clean(r)
		}
	}
}

// giveUp removes what was kept for routers that were to go on and whose interface
// did not come in time.
func (e *Engine) giveUp(now time.Time) {
	for _, r := range e.routers {
		if r == nil || !r.resume || r.started {
			continue
		}
		if e.outrun(r); r.resume {
			e.retryAt = earlier(e.retryAt, now.Add(r.limit()-e.deps.Boot()))
			continue
		}
		e.clean(r)
	}
}

// abandon removes what was kept for a router that will not go on any more.
func (e *Engine) abandon(r *router) {
	if r.resume {
		r.resume = false
		e.clean(r)
	}
}
