package engine

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// A master that loses the address its adverts come from says so with its last
// one, and the backup has the addresses after its skew time.
func TestSourceLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Router)
	}{
		{"multicast", func(*Router) {}},
		{"unicast", func(r *Router) {
			r.Unicast, r.Group = true, netip.Addr{}
			r.Peers = []netip.Addr{addr("192.0.2.1"), addr("192.0.2.2")}
		}},
		{"VMAC", func(r *Router) { *r = vmac(*r) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				ra, rb := vr(1, 150), vr(1, 100)
				c.change(&ra)
				c.change(&rb)
				if ra.Unicast {
					ra.Peers, rb.Peers = ra.Peers[1:], rb.Peers[:1]
				}
				a := l.node("a", "192.0.2.1/24")
				a.start(config(ra), a.withDevices)
				b := l.node("b", "192.0.2.2/24")
				b.start(config(rb), b.withDevices)
				time.Sleep(10*time.Second + 500*time.Millisecond)
				a.is(vrrp.Master)
				lost := time.Now()
				if err := a.host.RemoveAddress("eth0", netip.MustParsePrefix("192.0.2.1/24")); err != nil {
					t.Fatal(err)
				}
				a.is(vrrp.Fault)
				if got := prios(l.adverts("a", lost)); !slices.Equal(got, []int{0}) {
					t.Errorf("adverts of priority %v, want one of 0", got)
				}
				if !a.router(0).NoSource {
					t.Error("the status does not say that there is no address to send from")
				}
				time.Sleep(700 * time.Millisecond) // skew: 156/256 s
				b.is(vrrp.Master)
				time.Sleep(5 * time.Second)
				if got := len(l.adverts("a", lost)); got != 1 {
					t.Errorf("%d adverts without an address to send from", got)
				}
				if err := a.host.AddAddress("eth0", netip.MustParsePrefix("192.0.2.1/24")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				a.is(vrrp.Master)
				b.is(vrrp.Backup)
			})
		})
	}
}

// A reload that takes the configured source away, or gives one, is no loss: the
// interface has another one.
func TestReloadOfTheSource(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(Router) Router
	}{
		{"multicast", func(r Router) Router { return r }},
		{"VMAC", vmac},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				with, without := c.change(vr(1, 150)), c.change(vr(1, 150))
				with.Source = addr("192.0.2.1")
				a := l.node("a", "192.0.2.1/24")
				a.start(config(with), a.withDevices)
				b := l.node("b", "192.0.2.2/24")
				b.start(config(c.change(vr(1, 100))), b.withDevices)
				time.Sleep(10*time.Second + 500*time.Millisecond)
				a.is(vrrp.Master)
				told := len(a.obs.told())
				for _, r := range []Router{without, with} {
					at := time.Now()
					a.reload(config(r))
					a.is(vrrp.Master)
					time.Sleep(5 * time.Second)
					a.is(vrrp.Master)
					b.is(vrrp.Backup)
					if got := prios(l.adverts("a", at)); !slices.Equal(got, []int{150, 150, 150, 150, 150}) {
						t.Errorf("adverts of priority %v in five seconds", got)
					}
				}
				if got := a.obs.told(); len(got) != told {
					t.Errorf("changes told: %q", got[told:])
				}
			})
		})
	}
}

// On an interface that went down with its address nothing is tried.
func TestNoFarewellOnAnInterfaceThatIsDown(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		l.net.DAD = time.Second // the link-local address goes with the interface
		r := vr(1, 255, "fe80::101/128")
		r.Group = addr("ff02::12")
		a := l.node("a", "fe80::1/64").start(config(r))
		time.Sleep(1500 * time.Millisecond)
		a.is(vrrp.Master)
		a.host.SetUp("eth0", false)
		a.is(vrrp.Fault)
		if s := a.router(0); s.SendErrors != 0 || s.SendError != "" {
			t.Errorf("%d errors, %q", s.SendErrors, s.SendError)
		}
	})
}

// Only where nothing can be sent without a source that was looked for does its
// absence mean a loss: an IPv6 VMAC goes on from an address of its own.
func TestWhereASourceIsLookedFor(t *testing.T) {
	below := &link.Interface{Index: 1, Name: "eth0", LinkLocal: addr("fe80::1")}
	device := &link.Interface{Index: 2, Name: "vrrp.1", Addrs: []netip.Prefix{netip.MustParsePrefix("fe80::1/64")}}
	six := vmac(vr(1, 100, "fe80::101/128"))
	six.Group = addr("ff02::12")
	key := six.Device.Key()
	e := &Engine{
		ifaces:  map[string]*link.Interface{"eth0": below, "vrrp.1": device},
		byIndex: map[int]*link.Interface{1: below, 2: device},
		devices: map[link.DeviceKey]link.DeviceState{key: {Key: key, Ifindex: 2, Parent: 1, Name: "vrrp.1"}},
	}
	r := &router{cfg: six}
	if e.place(r); !r.hasPort || r.sought || r.port.Source != below.LinkLocal {
		t.Errorf("IPv6: %+v, sought %v", r.port, r.sought)
	}
	below.LinkLocal = netip.Addr{}
	if e.place(r); !r.hasPort || r.sought || r.port.Source.IsValid() {
		t.Errorf("IPv6 without a link-local address below: %+v, sought %v", r.port, r.sought)
	}
	r.cfg = vmac(vr(1, 100))
	if e.place(r); !r.hasPort || !r.sought || r.port.Source.IsValid() {
		t.Errorf("IPv4: %+v, sought %v", r.port, r.sought)
	}
}
