package lvs

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/healthcheck"
	"holdfast/internal/config"
	"holdfast/ipvs"
)

// rig is an LVS with a kernel and real servers of memory, in a bubble of
// synctest.
type rig struct {
	t      *testing.T
	kernel *ipvs.Fake
	opens  int
	noIPVS error

	mu    sync.Mutex
	down  map[netip.AddrPort]bool // servers whose TCP_CHECK fails
	lines []string                // events
	runs  []string                // commands of events
	ready []string                // TableReady
	saved Owned
	saves int
	links *fakeLinks
	sync  *fakeSync

	lvs  *LVS
	stop context.CancelFunc
	done chan error
}

func newRig(t *testing.T) *rig {
	links := newFakeLinks()
	return &rig{t: t, kernel: &ipvs.Fake{}, down: map[netip.AddrPort]bool{}, links: links, sync: newFakeSync(links)}
}

// check fails for the servers that are down.
type fakeCheck struct {
	r *rig
	c healthcheck.Config
}

func (c fakeCheck) Run(context.Context) healthcheck.Result {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if c.r.down[c.c.Addr] {
		return healthcheck.Result{Weight: -1, Text: "refused"}
	}
	return healthcheck.Result{Up: true, Weight: -1}
}

func (r *rig) deps() Deps {
	return Deps{
		Open: func() (ipvs.Kernel, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.opens++
			if r.noIPVS != nil {
				return nil, r.noIPVS
			}
			return syncedKernel{r.kernel, r.sync}, nil
		},
		NewCheck: func(c healthcheck.Config, _ healthcheck.Deps) (healthcheck.Check, error) {
			return fakeCheck{r, c}, nil
		},
		Event: func(e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.lines = append(r.lines, e.Line)
			if e.Command.Set() {
				r.runs = append(r.runs, strings.Join(e.Command.Args, " "))
			}
		},
		TableReady: func(name string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ready = append(r.ready, name)
		},
		SaveOwned: func(o Owned) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.saved, r.saves = o, r.saves+1
		},
		Owned: r.saved,
		Links: r.links, // no socket of the system is in the bubble
		Sync:  r.sync.kernel(),
	}
}

// start runs a configuration; changes may alter the dependencies.
func (r *rig) start(cfg *config.Config, changes ...func(*Deps)) {
	r.t.Helper()
	d := r.deps()
	for _, f := range changes {
		f(&d)
	}
	r.lvs = New(cfg, d)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.lvs.Run(ctx) }()
	synctest.Wait()
}

// end stops it and waits.
func (r *rig) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("run: %v", err)
	}
}

func (r *rig) reload(cfg *config.Config) {
	r.t.Helper()
	if err := r.lvs.Reload(context.Background(), cfg); err != nil {
		r.t.Errorf("reload: %v", err)
	}
	synctest.Wait()
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) master(name string, master bool) {
	r.lvs.RouterStates(RouterState{Name: name, Master: master})
	synctest.Wait()
}

// refuse makes the kernel refuse what f returns an error for.
func (r *rig) refuse(f func(ipvs.Op) error) { r.kernel.Set(func(k *ipvs.Fake) { k.Fail = f }) }

func (r *rig) fail(servers ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.down)
	for _, s := range servers {
		r.down[netip.MustParseAddrPort(s)] = true
	}
}

// table is the kernel's, "1:1=1,2=2": last byte of the service, of the
// server, weight.
func (r *rig) table() string {
	t, err := r.kernel.Table()
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, e := range t {
		name := fmt.Sprint("m", e.FWMark)
		if e.FWMark == 0 {
			name = fmt.Sprint(e.Addr.As4()[3])
		}
		var dests []string
		for _, d := range e.Dests {
			dests = append(dests, fmt.Sprintf("%d=%d", d.Addr.AsSlice()[len(d.Addr.AsSlice())-1], d.Weight))
		}
		words = append(words, name+":"+strings.Join(dests, ","))
	}
	return strings.Join(words, " ")
}

func (r *rig) wantTable(want string) {
	r.t.Helper()
	if got := r.table(); got != want {
		r.t.Errorf("table is %q, want %q", got, want)
	}
}

// wantOps checks and forgets what the kernel was asked for, one word an
// operation: +s ~s -s for services, +d ~d -d for servers.
func (r *rig) wantOps(want string) {
	r.t.Helper()
	names := map[ipvs.OpKind]string{
		ipvs.AddService: "+s", ipvs.EditService: "~s", ipvs.DelService: "-s",
		ipvs.AddDest: "+d", ipvs.EditDest: "~d", ipvs.DelDest: "-d",
	}
	var words []string
	for _, op := range r.kernel.Ops() {
		words = append(words, names[op.Kind])
	}
	if got := strings.Join(words, " "); got != want {
		r.t.Errorf("operations %q, want %q", got, want)
	}
}

func (r *rig) wantLines(want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.lines, want) {
		r.t.Errorf("events\n%s\nwant\n%s", strings.Join(r.lines, "\n"), strings.Join(want, "\n"))
	}
	r.lines = nil
}

// forget drops the events so far.
func (r *rig) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = nil
}

func (r *rig) wantReady(want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.ready, want) {
		r.t.Errorf("ready %q, want %q", r.ready, want)
	}
	r.ready = nil
}

func (r *rig) status() Status {
	r.t.Helper()
	st, err := r.lvs.Status(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

// virtual is a service at 192.0.2.n:80 with servers at 198.51.100.m:80, whose
// weight is m, looked at every second from 1 s on, with no retry.
func virtual(n byte, servers ...byte) config.VirtualServer {
	v := config.VirtualServer{
		Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}), Port: 80, Protocol: 6, Family: 4,
		LBAlgo: "wlc", Quorum: 1, Forward: config.Forward{Method: config.DR},
	}
	for _, m := range servers {
		a := netip.AddrFrom4([4]byte{198, 51, 100, m})
		v.RealServers = append(v.RealServers, config.RealServer{
			Addr: a, Port: 80, Weight: int32(m), Forward: v.Forward,
			Checks: &config.Checks{List: []config.Checker{{Kind: config.TCPCheck, ConnectIP: a, ConnectPort: 80, DelayLoop: time.Second}}},
		})
	}
	return v
}

func instance(name string, id byte, vips ...string) config.VRRPInstance {
	in := config.VRRPInstance{Name: name, VirtualRouterID: id, Interface: "eth0"}
	for _, v := range vips {
		in.VirtualIPAddress = append(in.VirtualIPAddress, config.VIP{Prefix: netip.MustParsePrefix(v)})
	}
	return in
}

func configOf(services ...config.VirtualServer) *config.Config {
	return &config.Config{VirtualServers: services, Global: config.GlobalDefs{StandbyChecks: true}}
}

// with changes a copy of a configuration.
func with(c *config.Config, f func(*config.Config)) *config.Config {
	d := *c
	f(&d)
	return &d
}

// bubble runs a test in a bubble.
func bubble(t *testing.T, f func(*testing.T, *rig)) {
	synctest.Test(t, func(t *testing.T) { f(t, newRig(t)) })
}
