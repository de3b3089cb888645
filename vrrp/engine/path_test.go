package engine

import (
	"net/netip"
	"testing"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// twoWays is a machine with eth0 and eth1.
type twoWays struct {
	*still
	down bool // eth1 is
	told []Change
}

func (w *twoWays) List() ([]link.Interface, error) {
	return []link.Interface{
		{Index: 1, Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.5/24")}},
		{Index: 2, Name: "eth1", Up: !w.down, Addrs: []netip.Prefix{netip.MustParsePrefix("198.51.100.5/24")}},
	}, nil
}

func (w *twoWays) SourceOf(p link.Port) (netip.Addr, bool) {
	return map[int]netip.Addr{1: addr("192.0.2.5"), 2: addr("198.51.100.5")}[p.Ifindex], true
}
func (w *twoWays) Changed(c Change) { w.told = append(w.told, c) }

// paths counts what was told of a path.
func (w *twoWays) paths(why vrrp.Reason, name string) (n int) {
	for _, c := range w.told {
		if c.Reason == why && c.Path == name {
			n++
		}
	}
	return n
}

// ways is an engine with one router on both ways.
func ways(t *testing.T, change func(*Router)) (*Engine, *twoWays, *router) {
	w := &twoWays{still: &still{now: time.Unix(1e9, 0)}}
	r := vr(1, 100, "10.0.0.1/32")
	r.GARP = vrrp.GARP{}
	r.Paths = []string{"eth1"}
	if change != nil {
		change(&r)
	}
	e, err := New(Config{Routers: []Router{r}}, Deps{Wire: w, Watcher: w, Applier: w, Announcer: w, Observer: w, Wall: w.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.watch.end)
	return e, w, e.routers[0]
}

// come has an advert come in on a way, from a peer with prio there.
func (w *twoWays) come(e *Engine, way int, src string, prio uint8) {
	r := e.routers[0]
	a, port := vrrp.Advert{}, r.port
	r.core.Advert(prio, &a)
	if way > 0 {
		port = r.paths[way-1].port
	}
	body := a.AppendTo(nil, addr(src), port.Group, true)
	w.packets = nil
	e.deadline = e.next()
	e.run([]link.Packet{{Port: port, Src: addr(src), Dst: port.Group, TTL: 255, TotalLen: len(body), Body: body}})
}

// later is so much later, with everything due done.
func (w *twoWays) later(e *Engine, d time.Duration) {
	w.now = w.now.Add(d)
	e.deadline = e.next()
	e.run(nil)
}

func is(t *testing.T, what string, r *router, want vrrp.State) {
	t.Helper()
	if got := r.core.State(); got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestPathsTie: among equal priorities the first way that brings anything
// decides, and ties on later ones mean nothing.
func TestPathsTie(t *testing.T) {
	e, w, r := ways(t, nil)
	w.later(e, r.dead+2*time.Second)
	is(t, "alone", r, vrrp.Master)
	// Lower than ours on eth0, higher on eth1.
	for range 10 {
		w.come(e, 0, "192.0.2.1", 100)
		w.now = w.now.Add(r.cfg.AdvertInt * 2 / 3)
		w.come(e, 1, "198.51.100.9", 100)
		w.later(e, r.cfg.AdvertInt/3)
		is(t, "lower on the first way", r, vrrp.Master)
	}
	for range 10 { // eth0 is cut
		w.later(e, r.cfg.AdvertInt)
		w.come(e, 1, "198.51.100.9", 100)
	}
	is(t, "higher on the only way left", r, vrrp.Backup)

	e, w, r = ways(t, nil)
	w.later(e, r.dead+2*time.Second)
	w.come(e, 1, "198.51.100.9", 101)
	is(t, "a higher priority on any way", r, vrrp.Backup)
}

// TestPathsSilence: a backup tells a way that brings nothing while another one
// does, and when it brings something again; a way whose link is down is told
// as well.
func TestPathsSilence(t *testing.T) {
	e, w, r := ways(t, nil)
	for range 5 {
		w.come(e, 0, "192.0.2.1", 200)
		w.come(e, 1, "198.51.100.1", 200)
		w.later(e, r.cfg.AdvertInt)
	}
	if r.copies != 5 || r.core.Status().Received != 5 {
		t.Errorf("%d copies, %d received, want 5 of each", r.copies, r.core.Status().Received)
	}
	for range 10 {
		w.come(e, 1, "198.51.100.1", 200)
		w.later(e, r.cfg.AdvertInt)
	}
	is(t, "the second way lives", r, vrrp.Backup)
	if n := w.paths(vrrp.ReasonPathLost, "eth0"); n != 1 {
		t.Errorf("the loss of eth0 was told %d times", n)
	}
	w.come(e, 0, "192.0.2.1", 200)
	if n := w.paths(vrrp.ReasonPathBack, "eth0"); n != 1 {
		t.Errorf("the return of eth0 was told %d times", n)
	}
	w.down = true
	list, _ := w.List()
	e.links(w.now, &link.Update{Interfaces: list})
	if n := w.paths(vrrp.ReasonPathLost, "eth1"); n != 1 {
		t.Errorf("the loss of eth1 was told %d times", n)
	}
	if s := r.status(w.now); len(s.Paths) != 2 || s.Paths[1].Up || s.Paths[1].Error == "" || !s.Paths[0].Up {
		t.Errorf("status %+v", s.Paths)
	}
	w.later(e, r.dead+2*time.Second)
	is(t, "nothing on any way", r, vrrp.Master)
}

// TestAuthHotPathsAllocateNothing: receiving and sending with authentication
// and two ways.
func TestAuthHotPathsAllocateNothing(t *testing.T) {
	for name, change := range map[string]func(*Router){
		"auth_hmac": func(r *Router) {
			r.HMAC = vrrp.HMAC{Keys: []vrrp.HMACKey{{ID: 1, Key: make([]byte, 32)}}, Active: 1, Window: 5 * time.Second}
		},
		"AH": func(r *Router) { r.AuthType = vrrp.AuthHeader },
	} {
		e, w, r := ways(t, change)
		peer := vrrp.NewRouter(r.cfg.coreConfig())
		var out vrrp.Advert
		var body []byte
		src, packets := addr("192.0.2.1"), make([]link.Packet, 1)
		recv := func() {
			w.now = w.now.Add(time.Second)
			e.deadline = e.next()
			peer.Advert(200, &out)
			peer.Stamp(&out, w.now.UnixNano())
			body = peer.Append(body[:0], &out, src, r.port.Group)
			p := link.Packet{Port: r.port, Src: src, Dst: r.port.Group, TTL: 255, AH: r.port.AH, Body: body}
			if p.AH {
				p.ID, p.Body = uint16(body[4])<<8|uint16(body[5]), body[20:]
			}
			p.TotalLen = len(p.Body)
			packets[0] = p
			e.run(packets)
		}
		recv()
		before := r.core.Status().Received
		if got := testing.AllocsPerRun(50, recv); got != 0 {
			t.Errorf("%s: receive: %v allocations", name, got)
		}
		if n := r.core.Status().Received - before; n != 51 {
			t.Errorf("%s: %d accepted: %v", name, n, r.core.Status().Drops)
		}
		w.later(e, r.dead+2*time.Second)
		is(t, name, r, vrrp.Master)
		sent := w.sent
		if got := testing.AllocsPerRun(50, func() { w.later(e, r.cfg.AdvertInt) }); got != 0 {
			t.Errorf("%s: send: %v allocations", name, got)
		}
		if w.sent-sent != 2*51 {
			t.Errorf("%s: %d sent, want one on each way", name, w.sent-sent)
		}
	}
}
