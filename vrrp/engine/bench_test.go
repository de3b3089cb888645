package engine

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// still is a wire whose packets and clock the test gives by hand.
type still struct {
	now     time.Time
	packets []link.Packet
	sent    int
	src     netip.Addr
}

func (w *still) Now() time.Time { return w.now }
func (w *still) Wait(time.Time) ([]link.Packet, error) {
	p := w.packets
	w.packets = nil
	return p, nil
}
func (w *still) Send(b []link.Datagram)                { w.sent += len(b) }
func (w *still) Wake()                                 {}
func (w *still) Open([]link.Port) map[link.Port]error  { return nil }
func (w *still) SourceOf(link.Port) (netip.Addr, bool) { return w.src, true }
func (w *still) Close() error                          { return nil }
func (w *still) Set(int, uint64, link.Wanted)          {}
func (w *still) Sweep(link.Wanted, link.Wanted) error  { return nil }
func (w *still) Changed(Change)                        {}
func (w *still) List() ([]link.Interface, error) {
	return []link.Interface{{Index: 1, Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}}, nil
}

func (w *still) Watch(stop <-chan struct{}, _ func(link.Update)) error {
	<-stop
	return nil
}
func (w *still) Announce(int, net.HardwareAddr, []netip.Addr, int) error { return nil }

// standing is an engine that has started, with n routers at prio.
func standing(tb testing.TB, n int, prio uint8) (*Engine, *still) {
	w := &still{now: time.Unix(1e9, 0), src: addr("192.0.2.1")}
	var cfg Config
	for i := range n {
		cfg.Routers = append(cfg.Routers, vr(uint8(i+1), prio, fmt.Sprintf("10.0.%d.1/32", i)))
		cfg.Routers[i].GARP = vrrp.GARP{}
	}
	e, err := New(cfg, Deps{Wire: w, Watcher: w, Applier: w, Announcer: w, Observer: w})
	if err != nil {
		tb.Fatal(err)
	}
	if err := e.start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.watch.end)
	return e, w
}

// heard are adverts of a master for every router of e.
func heard(e *Engine, prio uint8) (out []link.Packet) {
	src, dst := addr("192.0.2.9"), addr("224.0.0.18")
	for _, r := range e.routers {
		a := vrrp.Advert{}
		r.core.Advert(prio, &a)
		body := a.AppendTo(nil, src, dst, true)
		out = append(out, link.Packet{Port: r.port, Src: src, Dst: dst, TTL: 255, TotalLen: len(body), Body: body})
	}
	return out
}

// receiving is one turn of a backup that hears an advert for every router.
func receiving(tb testing.TB, n int) func() {
	e, w := standing(tb, n, 100)
	packets := heard(e, 200)
	return func() {
		w.now = w.now.Add(time.Second)
		e.deadline = e.next()
		e.run(packets)
	}
}

// sending is one turn of a master of n routers in which all adverts are due.
func sending(tb testing.TB, n int) (func(), *still) {
	e, w := standing(tb, n, 255)
	return func() {
		w.now = w.now.Add(time.Second)
		e.deadline = e.next()
		e.run(nil)
	}, w
}

func TestHotPathsAllocateNothing(t *testing.T) {
	const n = 16
	recv := receiving(t, n)
	send, w := sending(t, n)
	recv()
	send()
	if got := testing.AllocsPerRun(100, recv); got != 0 {
		t.Errorf("receive: %v allocations", got)
	}
	before := w.sent
	if got := testing.AllocsPerRun(100, send); got != 0 {
		t.Errorf("send: %v allocations", got)
	}
	if w.sent-before != 101*n {
		t.Errorf("sent %d", w.sent-before)
	}
	fault, fw := standing(t, 1, 100)
	packets := heard(fault, 200)
	fault.step(fw.now, fault.routers[0], &vrrp.Event{Kind: vrrp.EventLink})
	if got := testing.AllocsPerRun(100, func() { fault.run(packets) }); got != 0 {
		t.Errorf("receive in FAULT: %v allocations", got)
	}
	if s := fault.status(fw.now).Routers[0]; s.State != vrrp.Fault || len(s.Peers) != 1 || s.Drops[vrrp.DropState] != 101 {
		t.Errorf("in FAULT: %v, peers %+v, %d ignored", s.State, s.Peers, s.Drops[vrrp.DropState])
	}
	// A packet for nobody, a short one, an authentication header without more,
	// and a damaged one.
	e, hw := standing(t, 1, 100)
	bad := heard(e, 200)
	bad = append(bad, bad[0], bad[0], bad[0])
	bad[0].Body = []byte{0x31, 77, 200, 1, 0, 100, 0, 0}
	bad[1].Body = []byte{0x31}
	bad[2].AH = true
	bad[3].TTL = 1
	if got := testing.AllocsPerRun(100, func() { e.run(bad) }); got != 0 {
		t.Errorf("drop: %v allocations", got)
	}
	p := e.status(hw.now).Ports[0]
	if p.UnknownVRID != 101 || p.Short != 202 || p.AH != 101 || p.Packets != 404 {
		t.Errorf("counted %+v", p)
	}
	if d := e.status(hw.now).Routers[0].Drops[vrrp.DropTTL]; d != 101 {
		t.Errorf("%d dropped for their TTL", d)
	}
}

// A turn of a backup of 255 routers with an advert for each: the numbers are
// for all of them.
func BenchmarkReceive(b *testing.B) {
	f := receiving(b, 255)
	f()
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/255, "ns/packet")
}

// One event through the core and the dispatch.
func BenchmarkStep(b *testing.B) {
	e, w := standing(b, 1, 100)
	r := e.routers[0]
	e.out.Addrs = e.out.Addrs[:0]
	r.core.Advert(200, &e.in)
	ev := vrrp.Event{Kind: vrrp.EventAdvert, Advert: &e.in, Src: addr("192.0.2.9"), Local: w.src}
	b.ReportAllocs()
	for b.Loop() {
		w.now = w.now.Add(time.Millisecond)
		e.step(w.now, r, &ev)
		e.dispatch(w.now)
	}
}

// A turn of a master of 255 routers in which every advert is due.
func BenchmarkSend(b *testing.B) {
	f, _ := sending(b, 255)
	f()
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/255, "ns/packet")
}
