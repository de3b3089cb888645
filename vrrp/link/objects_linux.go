package link

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// minBody is the length of struct rtmsg and of struct fib_rule_hdr.
const minBody = 12

// objectOp is one change of one route or rule.
type objectOp struct {
	add     bool
	obj     Object
	request int // index
}

func (o objectOp) String() string {
	verb := "remove"
	if o.add {
		verb = "add"
	}
	return fmt.Sprintf("%s %v %s", verb, o.obj.Kind, o.obj.Text)
}

func (o objectOp) message() (netlink.Message, error) {
	m := netlink.Message{Header: netlink.Header{Flags: netlink.Request}, Data: []byte(o.obj.Body)}
	switch o.obj.Kind {
	case ObjectRoute:
		m.Header.Type = unix.RTM_DELROUTE
		if o.add {
			m.Header.Type = unix.RTM_NEWROUTE
		}
	case ObjectRule:
		m.Header.Type = unix.RTM_DELRULE
		if o.add {
			m.Header.Type = unix.RTM_NEWRULE
		}
	default:
		return m, unix.EBADMSG
	}
	if len(m.Data) < minBody {
		return m, unix.EBADMSG
	}
	if o.add {
		m.Header.Flags |= netlink.Create | netlink.HeaderFlags(o.obj.Flags)
	}
	return m, nil
}

// settled: a route or a rule of a family that the kernel does not have, or over
// an interface that is gone, is gone, and one that the kernel does not
// understand was never there.
func (o objectOp) settled(err error) bool {
	if err == nil {
		return true
	}
	if o.add {
		return errors.Is(err, unix.EEXIST)
	}
	for _, gone := range []error{
		unix.ESRCH, unix.ENOENT, unix.ENODEV, unix.ENXIO, unix.ENETUNREACH, unix.EHOSTUNREACH,
		unix.ENETDOWN, unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.EOPNOTSUPP, unix.EINVAL,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// objectPlan is what a round of the applier does to routes and rules.
type objectPlan struct {
	reqs           []request
	adds, removals []objectOp
	stuck          map[int][]Object // by request: what could not be removed
}

func newObjectPlan(installed map[int][]Object, reqs []request) *objectPlan {
	p := &objectPlan{reqs: reqs}
	any := len(installed) > 0
	for i := range reqs {
		any = any || len(reqs[i].objs) > 0
	}
	if !any {
		return p
	}
	stays := make(map[Object]bool)
	asking := make(map[int]bool, len(reqs))
	for i, r := range reqs {
		asking[r.owner] = true
		for _, o := range r.objs {
			stays[o] = true
			p.adds = append(p.adds, objectOp{add: true, obj: o, request: i})
		}
	}
	for owner, list := range installed {
		if !asking[owner] {
			for _, o := range list {
				stays[o] = true
			}
		}
	}
	removed := make(map[Object]bool)
	for i, r := range reqs {
		for _, o := range slices.Backward(installed[r.owner]) {
			if !stays[o] && !removed[o] {
				removed[o] = true
				p.removals = append(p.removals, objectOp{obj: o, request: i})
			}
		}
	}
	return p
}

func (p *objectPlan) empty() bool { return len(p.adds) == 0 && len(p.removals) == 0 }

func (p *objectPlan) remember(installed map[int][]Object) {
	for i, r := range p.reqs {
		now := append(slices.Clone(p.stuck[i]), r.objs...)
		if len(now) == 0 {
			delete(installed, r.owner)
			continue
		}
		installed[r.owner] = now
	}
}

// applyObjects adds before it removes. What could not be added because of
// something that was then removed (another route to the same place) gets a
// second chance.
func (a *NetlinkApplier) applyObjects(p *objectPlan, errs [][]error) {
	if p.empty() {
		return
	}
	added := applyOps(a, p.adds)
	for i, err := range applyOps(a, p.removals) {
		if err != nil {
			o := p.removals[i]
			errs[o.request] = append(errs[o.request], err)
			if p.stuck == nil {
				p.stuck = make(map[int][]Object)
			}
			p.stuck[o.request] = append(p.stuck[o.request], o.obj)
		}
	}
	if len(p.removals) > 0 && len(p.adds) > 0 {
		added = applyOps(a, p.adds)
	}
	for i, err := range added {
		if err != nil {
			errs[p.adds[i].request] = append(errs[p.adds[i].request], err)
		}
	}
}

// sweepObjects removes, last first, what is in remove and not in keep.
func (a *NetlinkApplier) sweepObjects(remove, keep []Object) []error {
	var ops []objectOp
	for _, o := range slices.Backward(remove) {
		same := func(k Object) bool { return k.Kind == o.Kind && k.Body == o.Body }
		if !slices.ContainsFunc(keep, same) {
			ops = append(ops, objectOp{obj: o})
		}
	}
	return applyOps(a, ops)
}

// Remove removes w, last first; what is gone already is as it should be. keep is
// what others hold or are about to take up: the nftables tables that it needs
// stay. It is for a process that has no Applier.
func Remove(w, keep Wanted) error {
	conn, err := dialAddrs()
	if err != nil {
		return err
	}
	defer conn.close()
	objs := make([]objectOp, 0, len(w.Objects))
	for _, o := range slices.Backward(w.Objects) {
		objs = append(objs, objectOp{obj: o})
	}
	addrs := make([]addrOp, 0, len(w.Addresses))
	for _, a := range slices.Backward(w.Addresses) {
		addrs = append(addrs, addrOp{addr: wanted(a)})
	}
	errs := append(apply(conn, objs), apply(conn, addrs)...)
	return errors.Join(append(errs, dropTables(w.Addresses, keep.Addresses))...)
}
