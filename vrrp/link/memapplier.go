package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// MemApplier is the Applier of a MemProcess: it holds what each owner wants,
// brings the host there after a delay, adding before it deletes, and reports.
type MemApplier struct {
	p    *MemProcess
	done func(Applied)
	kick chan struct{}
	stop chan struct{}

	pending map[int]memWant
	gens    map[int]uint64
	have    map[int][]Address
	objects map[int][]Object
}

type memWant struct {
	gen  uint64
	want []Address
	objs []Object
}

var _ Applier = (*MemApplier)(nil)

// ApplyDelay sets how long the kernel takes for a batch.
func (p *MemProcess) ApplyDelay(d time.Duration) {
	p.host.net.Change(func(*MemNet) { p.applyDelay = d })
}

// FailApply makes every addition of an address fail with err; nil: no more.
func (p *MemProcess) FailApply(err error) {
	p.host.net.Change(func(*MemNet) { p.applyErr = err })
}

// Applier returns the process's applier; done is called from its goroutine.
func (p *MemProcess) Applier(done func(Applied)) *MemApplier {
	a := &MemApplier{
		p: p, done: done, kick: make(chan struct{}, 1), stop: make(chan struct{}),
		pending: map[int]memWant{}, gens: map[int]uint64{}, have: map[int][]Address{}, objects: map[int][]Object{},
	}
	go a.work()
	return a
}

// Set implements Applier. A generation that is not newer than the last one of
// the owner is an error of the caller and remembered as refused.
func (a *MemApplier) Set(owner int, gen uint64, want Wanted) {
	h := a.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if gen <= a.gens[owner] {
		h.refuse("set owner %d generation %d after %d", owner, gen, a.gens[owner])
	}
	a.gens[owner] = gen
	a.pending[owner] = memWant{gen, slices.Clone(want.Addresses), slices.Clone(want.Objects)}
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

func (a *MemApplier) work() {
	h := a.p.host
	for {
		select {
		case <-a.kick:
		case <-a.stop:
			return
		case <-a.p.dead:
			return
		}
		h.net.mu.Lock()
		d := a.p.applyDelay
		h.net.mu.Unlock()
		if d > 0 {
			select {
			case <-time.After(d):
			case <-a.p.dead:
				return
			}
		}
		if !a.p.run() {
			return
		}
		for _, r := range a.apply() {
			a.done(r)
		}
	}
}

func (a *MemApplier) apply() []Applied {
	h := a.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if a.p.killed() {
		return nil
	}
	var owners []int
	for o := range a.pending {
		owners = append(owners, o)
	}
	slices.Sort(owners)
	errs, failed := map[int][]error{}, map[int][]Address{}
	for _, o := range owners {
		for _, w := range a.pending[o].want {
			i := h.byIndex(w.Ifindex)
			if i != nil && (a.shared(o, w) || slices.ContainsFunc(a.have[o], w.same)) && i.has(w.Prefix.Addr()) {
				continue // what a stranger removed is added again
			}
			err := a.p.applyErr
			switch {
			case err != nil:
			case i == nil:
				err = syscall.ENODEV
			default:
				err = h.add(i, w.Prefix, IFAProto)
			}
			if err != nil && !errors.Is(err, syscall.EEXIST) {
				errs[o] = append(errs[o], fmt.Errorf("add %v: %w", w.Prefix, err))
				failed[o] = append(failed[o], w)
			}
			if errors.Is(err, syscall.EEXIST) && !i.marked(w.Prefix) {
				h.refuse("add %v: %v", w.Prefix, err) // taken over from a predecessor or another owner it is fine
			}
		}
	}
	var out []Applied
	for _, o := range owners {
		p := a.pending[o]
		for _, w := range a.have[o] {
			if slices.ContainsFunc(p.want, w.same) || a.shared(o, w) {
				continue
			}
			if i := h.byIndex(w.Ifindex); i != nil {
				// Gone already is what was wanted.
				if err := h.del(i, w.Prefix); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
					errs[o] = append(errs[o], fmt.Errorf("delete %v: %w", w.Prefix, err))
				}
			}
		}
		a.have[o] = nil
		for _, w := range p.want {
			if i := h.byIndex(w.Ifindex); i != nil && i.has(w.Prefix.Addr()) {
				a.have[o] = append(a.have[o], w)
			}
		}
		a.objects[o] = p.objs
		out = append(out, Applied{Owner: o, Gen: p.gen, Err: errors.Join(errs[o]...), Failed: failed[o]})
	}
	clear(a.pending)
	return out
}

// Objects lists the routes and rules that an owner has.
func (a *MemApplier) Objects(owner int) []Object {
	a.p.host.net.mu.Lock()
	defer a.p.host.net.mu.Unlock()
	return slices.Clone(a.objects[owner])
}

// marked says whether the address is there and a daemon of ours installed it.
func (i *memIface) marked(p netip.Prefix) bool {
	return slices.Contains(i.addrs, memAddr{p, IFAProto})
}

func (w Address) same(o Address) bool { return w.Ifindex == o.Ifindex && w.Prefix == o.Prefix }

// shared: another owner holds or wants the address too.
func (a *MemApplier) shared(owner int, w Address) bool {
	for o, have := range a.have {
		if o == owner {
			continue
		}
		if p, ok := a.pending[o]; ok {
			have = p.want
		}
		if slices.ContainsFunc(have, w.same) {
			i := a.p.host.byIndex(w.Ifindex)
			return i != nil && i.has(w.Prefix.Addr())
		}
	}
	return false
}

// Sweep implements Applier.
func (a *MemApplier) Sweep(remove, keep Wanted) error {
	h := a.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if a.p.killed() {
		return ErrKilled
	}
	for _, i := range h.ifaces {
		for _, have := range slices.Clone(i.addrs) {
			w := Address{Ifindex: i.Index, Prefix: have.prefix}
			if slices.ContainsFunc(keep.Addresses, w.same) {
				continue
			}
			if have.proto == IFAProto || slices.ContainsFunc(remove.Addresses, w.same) {
				if err := h.del(i, have.prefix); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Close implements Applier.
func (a *MemApplier) Close() error {
	close(a.stop)
	return nil
}

// Announced is one call of a MemAnnouncer.
type Announced struct {
	At      time.Time
	Ifindex int
	Addrs   []netip.Addr
	Rounds  int
}

// MemAnnouncer is the Announcer of a MemProcess. It records, and refuses what
// would tell the network something untrue.
type MemAnnouncer struct{ p *MemProcess }

var _ Announcer = MemAnnouncer{}

// Announcer returns the process's announcer.
func (p *MemProcess) Announcer() MemAnnouncer { return MemAnnouncer{p} }

// Announced lists what was announced so far.
func (p *MemProcess) Announced() []Announced {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	return slices.Clone(p.announced)
}

// Announce implements Announcer.
func (m MemAnnouncer) Announce(ifindex int, hw net.HardwareAddr, addrs []netip.Addr, rounds int) error {
	h := m.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if m.p.killed() {
		return ErrKilled
	}
	i := h.byIndex(ifindex)
	if i == nil {
		return syscall.ENODEV
	}
	if !slices.Equal(hw, i.HWAddr) {
		h.refuse("announce with %v on an interface that has %v", hw, i.HWAddr)
	}
	for _, a := range addrs {
		if !i.has(a) && !h.stolen[a] {
			h.refuse("announce %v on %s, which does not hold it", a, i.Name)
		}
	}
	m.p.announced = append(m.p.announced, Announced{time.Now(), ifindex, slices.Clone(addrs), rounds})
	return nil
}

// Close implements Announcer.
func (m MemAnnouncer) Close() error { return nil }
