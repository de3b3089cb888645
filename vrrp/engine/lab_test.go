package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// lab is a segment with hosts in memory. It lives in a synctest bubble, where
// time passes only while everything waits.
type lab struct {
	t     testing.TB
	net   *link.MemNet
	nodes []*node
	began time.Time

	mu      sync.Mutex
	sent    []sentAdvert
	last    map[sender]time.Time
	lines   []string // transcript
	quiet   bool     // no transcript
	holders map[netip.Addr]map[string]bool
}

// booted is when the machines of labs were started, by a bubble's clock.
var booted = time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC)

// sinceBoot is what Deps.Boot said at a moment.
func sinceBoot(at time.Time) time.Duration { return at.Sub(booted) }

type sentAdvert struct {
	at   time.Time
	host string
	vrid uint8
	prio uint8
	dst  netip.Addr
	n    int // addresses
}

// bubble runs f under synctest with a lab, ends what f left running, and shows
// the transcript when the test failed.
func bubble(t *testing.T, f func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 1)
		defer l.end()
		f(t, l)
	})
}

func newLab(t testing.TB, seed uint64) *lab {
	l := &lab{t: t, net: link.NewMemNet(seed), began: time.Now(), holders: map[netip.Addr]map[string]bool{}, last: map[sender]time.Time{}}
	l.net.OnSend = func(at time.Time, host string, d *link.Datagram) {
		l.mu.Lock()
		defer l.mu.Unlock()
		s := sentAdvert{at: at, host: host, vrid: d.Body[1], prio: d.Body[2], dst: d.Dst, n: int(d.Body[3])}
		l.sent = append(l.sent, s)
		l.last[sender{host, s.vrid, d.Dst.Is6()}] = at
		l.line("%s sends vrid %d priority %d to %v", host, s.vrid, s.prio, s.dst)
	}
	l.net.OnAddress = func(_ time.Time, host, ifname string, p netip.Prefix, added bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.holders[p.Addr()] == nil {
			l.holders[p.Addr()] = map[string]bool{}
		}
		sign := "-"
		if delete(l.holders[p.Addr()], host); added {
			sign = "+"
			l.holders[p.Addr()][host] = true
		}
		l.line("%s %s%v %s", host, sign, p, ifname)
	}
	return l
}

// line adds to the transcript; l.mu is held.
func (l *lab) line(format string, args ...any) {
	if !l.quiet {
		l.lines = append(l.lines, fmt.Sprintf("%12.6f ", time.Since(l.began).Seconds())+fmt.Sprintf(format, args...))
	}
}

func (l *lab) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(format, args...)
}

// end stops what runs and checks that no kernel had to refuse anything.
func (l *lab) end() {
	for _, n := range l.nodes {
		n.kill()
	}
	for _, n := range l.nodes {
		for _, r := range n.host.Refused() {
			l.t.Errorf("kernel refused: %s", r)
		}
	}
	if l.t.Failed() {
		l.t.Log("transcript:\n" + strings.Join(l.lines, "\n"))
	}
}

// adverts returns what was sent since and forgets nothing.
func (l *lab) adverts(host string, since time.Time) (out []sentAdvert) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sent {
		if s.host == host && !s.at.Before(since) {
			out = append(out, s)
		}
	}
	return out
}

// sender is one virtual router of a host.
type sender struct {
	host string
	vrid uint8
	is6  bool
}

// lastSent is when a host sent its last advert for a virtual router.
func (l *lab) lastSent(host string, vrid uint8, is6 bool) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[sender{host, vrid, is6}]
}

func prios(adverts []sentAdvert) (out []int) {
	for _, s := range adverts {
		out = append(out, int(s.prio))
	}
	return out
}

// node is one host with one engine.
type node struct {
	*lab
	name string
	host *link.MemHost
	proc *link.MemProcess
	eng  *Engine
	obs  *recorder

	cancel context.CancelFunc
	done   chan error
}

// node adds a host with eth0 and an address of its own.
func (l *lab) node(name, addr string) *node {
	n := &node{lab: l, name: name, host: l.net.Host(name)}
	if addr != "" {
		n.host.AddInterface("eth0", netip.MustParsePrefix(addr))
	}
	l.nodes = append(l.nodes, n)
	return n
}

// start runs an engine; change may alter what it works with.
func (n *node) start(cfg Config, change ...func(*Deps)) *node {
	n.t.Helper()
	n.prepare(cfg, change...)
	n.run()
	return n
}

func (n *node) prepare(cfg Config, change ...func(*Deps)) {
	n.t.Helper()
	n.proc = n.host.Start()
	n.obs = &recorder{node: n}
	d := Deps{
		Wire: n.proc.Wire(), Watcher: n.proc.Watcher(), Announcer: n.proc.Announcer(), Observer: n.obs,
		Applier: n.proc.Applier(func(a link.Applied) { n.eng.Applied(a) }),
		Boot:    func() time.Duration { return sinceBoot(time.Now()) },
	}
	for _, f := range change {
		f(&d)
	}
	var err error
	if n.eng, err = New(cfg, d); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) run() {
	ctx, cancel := context.WithCancel(context.Background())
	eng, done := n.eng, make(chan error, 1)
	n.cancel, n.done = cancel, done
	go func() { done <- eng.Run(ctx) }()
	n.say("%s starts", n.name)
}

// stop ends the engine as a signal does.
func (n *node) stop() error {
	n.say("%s stops", n.name)
	n.cancel()
	err := <-n.done
	n.done <- err
	n.kill() // what is left of the process: watcher, applier
	return err
}

// kill ends it as SIGKILL does.
func (n *node) kill() {
	if n.proc == nil {
		return
	}
	n.proc.Kill()
	if n.done != nil {
		n.cancel()
		<-n.done
	}
	n.proc, n.done = nil, nil
	n.say("%s is gone", n.name)
}

func (n *node) status() Status {
	n.t.Helper()
	s, err := n.eng.Status(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

func (n *node) router(i int) RouterStatus { n.t.Helper(); return n.status().Routers[i] }

// is checks the state of the node's first router.
func (n *node) is(want vrrp.State) {
	n.t.Helper()
	synctest.Wait()
	if got := n.router(0).State; got != want {
		n.t.Fatalf("%v after start: %s is %v, want %v", time.Since(n.began), n.name, got, want)
	}
}

func (n *node) reload(cfg Config) {
	n.t.Helper()
	if err := n.eng.Reload(context.Background(), cfg); err != nil {
		n.t.Fatal(err)
	}
	n.say("%s reloaded", n.name)
}

// recorder is an Observer that keeps everything.
type recorder struct {
	node    *node
	mu      sync.Mutex
	changes []Change
}

func (o *recorder) Changed(c Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes = append(o.changes, c)
	o.node.say("%s tells %s", o.node.name, describe(c))
}

// told lists the changes of state, without events.
func (o *recorder) told() (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.changes {
		if !c.Event {
			out = append(out, describe(c))
		}
	}
	return out
}

func (o *recorder) all() []Change {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.changes)
}

func (o *recorder) events() []Change {
	return slices.DeleteFunc(o.all(), func(c Change) bool { return !c.Event })
}

func describe(c Change) string {
	var b strings.Builder
	if c.Group {
		b.WriteString("group ")
	}
	fmt.Fprintf(&b, "%s %v>%v", c.Name, c.From, c.To)
	if c.Event {
		fmt.Fprintf(&b, " event %v", c.Reason)
	}
	if c.Deleted {
		b.WriteString(" deleted")
	}
	return b.String()
}

// vr is a virtual router on eth0 that advertises every second.
func vr(vrid, prio uint8, vips ...string) Router {
	r := Router{
		Config: vrrp.Config{
			Name: fmt.Sprintf("VI_%d", vrid), VRID: vrid, Version: 3, Priority: prio, StartMaster: prio == 255,
			AdvertInt: time.Second, DownTimerAdverts: 3, GARP: vrrp.GARP{Repeat: 5, Delay: 5 * time.Second},
		},
		Interface: "eth0",
		Group:     netip.AddrFrom4([4]byte{224, 0, 0, 18}),
	}
	if len(vips) == 0 {
		vips = []string{fmt.Sprintf("192.0.2.%d/32", 100+int(vrid)%100)}
	}
	for _, v := range vips {
		p := netip.MustParsePrefix(v)
		r.VIPs = append(r.VIPs, VIP{Prefix: p})
		r.Addresses = append(r.Addresses, p.Addr())
	}
	return r
}

func config(routers ...Router) Config { return Config{Routers: routers} }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func logTo(b *bytes.Buffer) func(*Deps) {
	return func(d *Deps) { d.Log = slog.New(slog.NewTextHandler(b, nil)) }
}

const down100 = 3*time.Second + 156*time.Second/256 // master-down at priority 100
