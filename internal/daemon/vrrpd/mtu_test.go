package vrrpd

import (
	"net/netip"
	"testing"

	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

// An advert of IPv6 holds 89 addresses where the MTU is 1500, as keepalived
// counts.
func TestFit(t *testing.T) {
	r := engine.Router{Interface: "no such interface"}
	add := func(n int, base string) {
		a := netip.MustParseAddr(base)
		for range n {
			r.Addresses = append(r.Addresses, a)
			r.VIPs = append(r.VIPs, engine.VIP{Prefix: netip.PrefixFrom(a, a.BitLen())})
			a = a.Next()
		}
	}
	add(200, "192.0.2.1")
	if n := fit(&r); n != 0 || len(r.Addresses) != 200 {
		t.Errorf("%d addresses of IPv4 were taken out", n)
	}
	r.Addresses, r.VIPs = nil, nil
	add(100, "2001:db8::1")
	last := netip.MustParsePrefix("2001:db8:1::1/128")
	r.VIPs = append(r.VIPs, engine.VIP{Prefix: last, Excluded: true})
	if n := fit(&r); n != 11 || len(r.Addresses) != 89 {
		t.Errorf("%d addresses were taken out, %d stay", n, len(r.Addresses))
	}
	for i, v := range r.VIPs {
		if v.Excluded != (i >= 89) {
			t.Errorf("address %d, %v: excluded %v", i, v.Prefix, v.Excluded)
		}
	}
	if n := fit(&r); n != 0 {
		t.Errorf("the second time %d", n)
	}
}

// Another MTU is told once, what is the same is not, and it does not hold up the
// news themselves.
func TestMTUWatch(t *testing.T) {
	at := func(mtu int) link.Update {
		return link.Update{Interfaces: []link.Interface{{Name: "lo", MTU: 65536}, {Name: "eth0", MTU: mtu}}}
	}
	changed := make(chan bool)
	w := mtuWatch{updates{at(1500), at(1500), at(1280), at(1280), at(1500)}, func() { changed <- true }}
	told := 0
	if err := w.Watch(nil, func(link.Update) { told++ }); err != nil || told != 5 {
		t.Errorf("%d updates, %v", told, err)
	}
	for range 3 {
		<-changed
	}
	select {
	case <-changed:
		t.Error("told four times")
	default:
	}
}

// updates is a Watcher of what it tells.
type updates []link.Update

func (u updates) List() ([]link.Interface, error) { return nil, nil }

func (u updates) Watch(_ <-chan struct{}, f func(link.Update)) error {
	for _, x := range u {
		f(x)
	}
	return nil
}
