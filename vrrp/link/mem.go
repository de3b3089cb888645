package link

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// MemNet is a set of hosts in memory, for tests: interfaces of the same name
// are on the same segment. It stands for the wire and for the kernels of all
// hosts; every host refuses what Linux refuses and remembers it (Refused).
// Time is package time's, so that it runs under testing/synctest.
//
// All fields are set before the first host starts, or with Change.
type MemNet struct {
	mu    sync.Mutex
	hosts []*MemHost
	cut   map[[2]string]bool // from, to

	Seed   uint64
	Loss   float64       // probability that a receiver misses a message
	Dup    float64       // probability that a receiver gets it twice
	Delay  time.Duration // of every message
	Jitter time.Duration // added at random, uniformly, up to
	// DAD is how long an interface that is switched on has no link-local address.
	// 0: interfaces keep it while they are down, which Linux does not.
	DAD time.Duration

	// OnSend and OnAddress see what leaves and what changes on a host, in
	// order. They must not call back.
	OnSend    func(at time.Time, host string, d *Datagram)
	OnAddress func(at time.Time, host string, ifname string, p netip.Prefix, added bool)
}

// NewMemNet makes an empty network whose accidents follow from seed.
func NewMemNet(seed uint64) *MemNet {
	return &MemNet{Seed: seed, cut: map[[2]string]bool{}}
}

// Change calls f while nothing moves.
func (n *MemNet) Change(f func(n *MemNet)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n)
}

// Cut stops (or lets through again) what goes from one host to another; one
// direction only.
func (n *MemNet) Cut(from, to string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if on {
		n.cut[[2]string{from, to}] = true
	} else {
		delete(n.cut, [2]string{from, to})
	}
}

// Partition cuts a host off from all others in both directions, or joins it.
func (n *MemNet) Partition(host string, on bool) {
	n.mu.Lock()
	others := slices.Clone(n.hosts)
	n.mu.Unlock()
	for _, o := range others {
		if o.name != host {
			n.Cut(host, o.name, on)
			n.Cut(o.name, host, on)
		}
	}
}

// MemHost is one host: interfaces and addresses, which outlive its processes.
type MemHost struct {
	net    *MemNet
	name   string
	rng    *rand.Rand // the accidents of what this host sends
	ifaces []*memIface
	next   int
	proc   *MemProcess

	stolen   map[netip.Addr]bool // gone without the process's doing
	refused  []string
	watchers []*memWatch
	overrun  bool // news for the watchers are lost
	sentAt   time.Time
}

type memIface struct {
	Interface
	below *memIface // of a VMAC
	addrs []memAddr
	local []memAddr // link-local ones that come back some time after it is switched on
}

type memAddr struct {
	prefix netip.Prefix
	proto  uint8
}

// Host adds a host.
func (n *MemNet) Host(name string) *MemHost {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := fnv.New64a()
	f.Write([]byte(name))
	h := &MemHost{net: n, name: name, rng: rand.New(rand.NewPCG(n.Seed, f.Sum64())), stolen: map[netip.Addr]bool{}}
	n.hosts = append(n.hosts, h)
	return h
}

// Name is the host's name.
func (h *MemHost) Name() string { return h.name }

// AddAddress puts an address there as an administrator would (no mark).
func (h *MemHost) AddAddress(ifname string, p netip.Prefix) error {
	return h.locked(ifname, func(i *memIface) error { return h.add(i, p, 0) })
}

// RemoveAddress takes an address away as a stranger would.
func (h *MemHost) RemoveAddress(ifname string, p netip.Prefix) error {
	return h.locked(ifname, func(i *memIface) error {
		err := h.del(i, p)
		if err == nil {
			h.stolen[p.Addr()] = true
		}
		return err
	})
}

func (h *MemHost) locked(ifname string, f func(*memIface) error) error {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := h.byName(ifname)
	if i == nil {
		return syscall.ENODEV
	}
	return f(i)
}

// Has says whether the host holds the address on any interface.
func (h *MemHost) Has(a netip.Addr) bool {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return slices.ContainsFunc(h.ifaces, func(i *memIface) bool { return i.has(a) })
}

// Refused lists what the kernel would not do, in order: every entry is an
// error in what was asked of it.
func (h *MemHost) Refused() []string {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return slices.Clone(h.refused)
}

func (h *MemHost) refuse(format string, args ...any) {
	h.refused = append(h.refused, fmt.Sprintf("%s: ", h.name)+fmt.Sprintf(format, args...))
}

func (h *MemHost) byName(name string) *memIface {
	for _, i := range h.ifaces {
		if i.Name == name {
			return i
		}
	}
	return nil
}

func (h *MemHost) byIndex(index int) *memIface {
	for _, i := range h.ifaces {
		if i.Index == index {
			return i
		}
	}
	return nil
}

func (i *memIface) has(a netip.Addr) bool {
	for k := range i.addrs {
		if i.addrs[k].prefix.Addr() == a {
			return true
		}
	}
	return false
}

// source is what the kernel (or Port.Source) gives as source address: the
// first address of the family that carries no mark.
func (i *memIface) source(p Port) (netip.Addr, bool) {
	if p.Source.IsValid() {
		return p.Source, i.has(p.Source) || i.segment().has(p.Source)
	}
	for _, a := range i.addrs {
		ip := a.prefix.Addr()
		if a.proto == 0 && ip.Is6() == p.Group.Is6() && (ip.Is4() || ip.IsLinkLocalUnicast()) {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// add is RTM_NEWADDR with NLM_F_CREATE|NLM_F_EXCL.
func (h *MemHost) add(i *memIface, p netip.Prefix, proto uint8) error {
	for _, a := range i.addrs {
		if a.prefix == p || a.prefix.Addr().Is6() && a.prefix.Addr() == p.Addr() {
			return syscall.EEXIST
		}
	}
	i.addrs = append(i.addrs, memAddr{p, proto})
	delete(h.stolen, p.Addr())
	h.told(i, p, true)
	h.notify(nil)
	return nil
}

// del is RTM_DELADDR.
func (h *MemHost) del(i *memIface, p netip.Prefix) error {
	for k, a := range i.addrs {
		if a.prefix == p {
			i.addrs = slices.Delete(i.addrs, k, k+1)
			h.told(i, p, false)
			h.notify([]LostAddress{{i.Index, p}})
			return nil
		}
	}
	return syscall.EADDRNOTAVAIL
}

func (h *MemHost) told(i *memIface, p netip.Prefix, added bool) {
	if f := h.net.OnAddress; f != nil {
		f(time.Now(), h.name, i.Name, p, added)
	}
}

func (h *MemHost) snapshot() []Interface {
	out := make([]Interface, 0, len(h.ifaces))
	for _, i := range h.ifaces {
		c := i.Interface
		c.Up = i.running()
		for _, a := range i.addrs {
			c.Addrs = append(c.Addrs, a.prefix)
			if a.proto == 0 && a.prefix.Addr().IsLinkLocalUnicast() && a.prefix.Addr().Is6() && !c.LinkLocal.IsValid() {
				c.LinkLocal = a.prefix.Addr()
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Interface) int { return a.Index - b.Index })
	return out
}

// MemProcess is one run of a program on a host. Its wire, applier, watcher and
// announcer end with it; the host's addresses do not.
type MemProcess struct {
	host   *MemHost
	wire   *MemWire
	dead   chan struct{}
	paused bool
	resume chan struct{} // closed by Continue
	since  time.Time     // suspended; zero: only paused
	slept  time.Duration // suspended in all

	applyDelay time.Duration
	applyErr   error
	announced  []Announced
}

// Start runs a new process; one a host at a time.
func (h *MemHost) Start() *MemProcess {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	p := &MemProcess{host: h, dead: make(chan struct{})}
	p.wire = &MemWire{p: p, wake: make(chan struct{}, 1)}
	h.proc = p
	return p
}

// Kill ends the process as SIGKILL does: from now on it sees nothing and
// changes nothing. Its Wait returns ErrKilled.
func (p *MemProcess) Kill() {
	n := p.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.killed() {
		return
	}
	close(p.dead)
	if p.paused {
		p.paused = false
		close(p.resume)
	}
	p.wire.poke()
}

// Pause stops the process as SIGSTOP does; what arrives waits for it.
func (p *MemProcess) Pause() {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	if !p.paused && !p.killed() {
		p.paused, p.resume = true, make(chan struct{})
	}
}

// Suspend stops the process as a suspended machine does: what is sent
// meanwhile never arrives, and the process can tell by its clocks.
func (p *MemProcess) Suspend() {
	p.Pause()
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	if p.paused && p.since.IsZero() {
		p.since = time.Now()
	}
}

// Continue lets a paused process run again.
func (p *MemProcess) Continue() {
	p.host.net.mu.Lock()
	defer p.host.net.mu.Unlock()
	if !p.paused {
		return
	}
	if !p.since.IsZero() {
		p.slept += time.Since(p.since)
		p.since = time.Time{}
		p.wire.queue = nil
	}
	p.paused = false
	close(p.resume)
}

// Host is the host that the process runs on.
func (p *MemProcess) Host() *MemHost { return p.host }

func (p *MemProcess) killed() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// run blocks while the process is paused; false: it is dead.
func (p *MemProcess) run() bool {
	for {
		p.host.net.mu.Lock()
		paused, ch, dead := p.paused, p.resume, p.killed()
		p.host.net.mu.Unlock()
		if dead {
			return false
		}
		if !paused {
			return true
		}
		<-ch
	}
}
