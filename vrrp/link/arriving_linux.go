package link

// WatchArrivals has f called, from a goroutine of the applier, while it adds so
// many addresses for one owner that those which are there already are worth
// telling of: the kernel takes 20 to 100 µs for each. It is called before the
// first Set. f may keep the slice.
func (a *NetlinkApplier) WatchArrivals(f func(Arriving)) { a.arriving = f }

// applyTelling is apply for a whole plan, and tells what is there when a batch is
// done and more are to come. Only a plan that adds, for one owner, is worth it.
func (a *NetlinkApplier) applyTelling(p *plan, all []planned) []error {
	if a.arriving == nil || len(p.reqs) != 1 || len(p.adds) != len(all) {
		return a.apply(all)
	}
	errs := make([]error, 0, len(all))
	for len(errs) < len(all) {
		from := len(errs)
		part := all[from:min(from+nlBatch, len(all))]
		errs = append(errs, a.apply(part)...)
		if len(errs) == len(all) {
			break
		}
		x := Arriving{Owner: p.reqs[0].owner, Gen: p.reqs[0].gen, There: make([]Address, 0, len(part))}
		for i := range part {
			if errs[from+i] == nil {
				x.There = append(x.There, part[i].addr.Address)
			}
		}
		if len(x.There) > 0 {
			a.arriving(x)
		}
	}
	return errs
}
