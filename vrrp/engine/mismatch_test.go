package engine

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// sorts are the ways of adverts that a mistyped VRID has to be seen on.
var sorts = map[string]func(*Router){
	"version 3": func(*Router) {},
	"version 2": func(r *Router) { r.Version = 2 },
	"IPv6": func(r *Router) {
		r.Group, r.VIPs = addr("ff02::12"), []VIP{{Prefix: netip.MustParsePrefix("fe80::10/64")}, {Prefix: netip.MustParsePrefix("2001:db8::10/64")}}
		r.Addresses = []netip.Addr{addr("fe80::10"), addr("2001:db8::10")}
	},
	"unicast": func(r *Router) {
		r.Unicast, r.Group, r.Peers = true, netip.Addr{}, []netip.Addr{addr("192.0.2.1"), addr("192.0.2.2")}
	},
	"VMAC": func(r *Router) { *r = vmac(*r) },
}

// A VRID that was mistyped on one director makes two masters: both say so, once a
// minute, as long as it is so.
func TestAMistypedVRIDIsTold(t *testing.T) {
	for name, change := range sorts {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				var text logLines
				here := func(vrid uint8) Router {
					r := vr(vrid, 100, "192.0.2.110/32")
					change(&r)
					if r.Unicast {
						r.Peers = []netip.Addr{addr("192.0.2.2")}
					}
					return r
				}
				there := here(15)
				if there.Unicast {
					there.Peers = []netip.Addr{addr("192.0.2.1")}
				}
				a, b := l.node("a", "192.0.2.1/24"), l.node("b", "192.0.2.2/24")
				if !there.Addresses[0].Is4() {
					for i, n := range []*node{a, b} {
						if err := n.host.AddAddress("eth0", netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(i + 1)}), 64)); err != nil {
							t.Fatal(err)
						}
					}
				}
				a.start(config(here(51)), a.withDevices, func(d *Deps) { d.Log = slog.New(slog.NewTextHandler(&text, nil)) })
				b.start(config(there), b.withDevices)
				time.Sleep(90 * time.Second)
				a.is(vrrp.Master)
				b.is(vrrp.Master)
				m := a.router(0).Mismatch
				if !m.Now(time.Now()) || m.VRID != 15 || m.Address != there.Addresses[0] || m.Source != b.router(0).Source || m.Priority != 100 || m.AdvertInt != time.Second {
					t.Errorf("a knows %+v", m)
				}
				if m := b.router(0).Mismatch; !m.Now(time.Now()) || m.VRID != 51 {
					t.Errorf("b knows %+v", m)
				}
				got, _ := text.so()
				if n := strings.Count(got, "by another virtual_router_id"); n != 2 || !strings.Contains(got, "peer_vrid=15") {
					t.Errorf("%d lines:\n%s", n, got)
				}
				a.reload(config(here(15)))
				time.Sleep(20 * time.Second)
				if m := a.router(0).Mismatch; m.Now(time.Now()) {
					t.Errorf("after it was put right a knows %+v", m)
				}
				if m := b.router(0).Mismatch; m.Now(time.Now()) || m.Source != a.router(0).Source {
					t.Errorf("after it was put right b knows %+v", m)
				}
			})
		})
	}
}

// Another virtual router with addresses of its own is none of our business, nor is
// one on another interface or in another family that has ours.
func TestOtherVirtualRoutersAreNoMismatch(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var log bytes.Buffer
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth1", netip.MustParsePrefix("198.51.100.1/24"))
		other := vr(52, 100, "198.51.100.10/32")
		other.Interface = "eth1"
		excluded := vr(53, 100, "192.0.2.153/32")
		excluded.VIPs = append(excluded.VIPs, VIP{Prefix: netip.MustParsePrefix("192.0.2.200/32"), Excluded: true})
		a.start(config(vr(51, 100, "192.0.2.110/32"), other, excluded), logTo(&log))
		l.node("b", "192.0.2.2/24").start(config(vr(15, 100, "192.0.2.111/32", "198.51.100.10/32", "192.0.2.200/32")))
		time.Sleep(30 * time.Second)
		for _, r := range a.status().Routers {
			if r.Mismatch != (Mismatch{}) {
				t.Errorf("%s knows %+v", r.Name, r.Mismatch)
			}
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "another virtual_router_id") {
			t.Error(log.String())
		}
	})
}

// sieve is a wire with filters.
type sieve struct {
	*still
	sets      map[link.Port]link.VRIDs
	exchanged int
}

func (w *sieve) Filter(p link.Port, set link.VRIDs) error {
	if w.sets[p] != set {
		w.exchanged++
	}
	w.sets[p] = set
	return nil
}

// The first advert of a VRID is let in, and later ones only of those that have an
// address of ours: strangers do not wake the engine, however many there are, and
// of what wakes it all the same one a second is looked at.
func TestStrangersAreLookedAtOnce(t *testing.T) {
	w := &sieve{still: &still{now: time.Unix(1e9, 0), src: addr("192.0.2.1")}, sets: map[link.Port]link.VRIDs{}}
	e, err := New(config(vr(51, 100)), Deps{Wire: w, Watcher: w, Applier: w, Announcer: w, Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.watch.end)
	r := e.routers[0]
	passes := func(want func(vrid uint8) bool) {
		t.Helper()
		set := w.sets[r.port]
		for vrid := 1; vrid < 256; vrid++ {
			if set.Has(uint8(vrid)) != want(uint8(vrid)) {
				t.Errorf("VRID %d passes: %t", vrid, !want(uint8(vrid)))
			}
		}
	}
	passes(func(uint8) bool { return true })
	say := func(vrid uint8, list ...netip.Addr) link.Packet {
		a := vrrp.Advert{Version: 3, VRID: vrid, Priority: 100, AdvertInt: 100, Addrs: list}
		src := addr("192.0.2.9")
		body := a.AppendTo(nil, src, r.cfg.Group, true)
		return link.Packet{Port: r.port, Src: src, Dst: r.cfg.Group, TTL: 255, TotalLen: len(body), Body: body}
	}
	var all []link.Packet
	for vrid := 1; vrid < 256; vrid++ {
		if vrid != 15 && vrid != 51 {
			all = append(all, say(uint8(vrid), addr("203.0.113.1")))
		}
	}
	all = append(all, say(15, addr("203.0.113.1"), r.cfg.Addresses[0]), say(16), link.Packet{Port: r.port, Src: addr("192.0.2.9"), Dst: r.cfg.Group, Body: []byte{0x31, 17, 9, 200}})
	before := w.exchanged
	e.run(all)
	passes(func(vrid uint8) bool { return vrid == 51 || vrid == 15 })
	if w.exchanged != before+1 || r.mismatch.VRID != 15 || r.mismatch.Address != r.cfg.Addresses[0] {
		t.Errorf("%d exchanges, mismatch %+v", w.exchanged-before, r.mismatch)
	}

	// What a filter of its own cannot keep out is not looked at again at once.
	twin := []link.Packet{say(16, r.cfg.Addresses[0])}
	e.run(twin)
	passes(func(vrid uint8) bool { return vrid == 51 || vrid == 15 })
	w.now = w.now.Add(lookTime)
	e.run(twin)
	passes(func(vrid uint8) bool { return vrid == 51 || vrid == 15 || vrid == 16 })
	if n := testing.AllocsPerRun(100, func() { w.now = w.now.Add(lookTime); e.run(twin) }); n != 0 {
		t.Errorf("%v allocations", n)
	}

	// It is put right.
	w.now = w.now.Add(lookTime)
	e.run([]link.Packet{say(15, addr("203.0.113.1")), say(16, addr("203.0.113.1"))})
	passes(func(vrid uint8) bool { return vrid == 51 })
	// News of the interfaces change nothing, another configuration does.
	e.reopen(w.now)
	passes(func(vrid uint8) bool { return vrid == 51 })
	if err := e.reload(w.now, config(vr(52, 100))); err != nil {
		t.Fatal(err)
	}
	r = e.routers[0]
	passes(func(uint8) bool { return true })
}
