package engine

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
