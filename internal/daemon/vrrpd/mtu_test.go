package vrrpd

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

// An advert of IPv6 holds 89 addresses where the MTU is 1500, as keepalived
// counts.
func TestFit(t *testing.T) {
	at := interfaces(map[string]int{"eth0": 1500, "narrow": 1280, "broken": 576}, nil)
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
	if n := fit(&r, at); n != 0 || len(r.Addresses) != 200 {
		t.Errorf("%d addresses of IPv4 were taken out", n)
	}
	r.Addresses, r.VIPs = nil, nil
	add(100, "2001:db8::1")
	last := netip.MustParsePrefix("2001:db8:1::1/128")
	r.VIPs = append(r.VIPs, engine.VIP{Prefix: last, Excluded: true})
	if n := fit(&r, at); n != 11 || len(r.Addresses) != 89 {
		t.Errorf("%d addresses were taken out, %d stay", n, len(r.Addresses))
	}
	for i, v := range r.VIPs {
		if v.Excluded != (i >= 89) {
			t.Errorf("address %d, %v: excluded %v", i, v.Prefix, v.Excluded)
		}
	}
	if n := fit(&r, at); n != 0 {
		t.Errorf("the second time %d", n)
	}
	for name, want := range map[string]int{"narrow": 76, "broken": 76, "eth0": 89} {
		r := engine.Router{Interface: name}
		for range 100 {
			r.Addresses = append(r.Addresses, last.Addr())
		}
		if fit(&r, at); len(r.Addresses) != want {
			t.Errorf("%s: %d addresses stay, want %d", name, len(r.Addresses), want)
		}
	}
}

// interfaces are interfaces with the MTUs given; reads counts, if it is there,
// how often they are read.
func interfaces(of map[string]int, reads *int) *mtus {
	return &mtus{read: func() ([]net.Interface, error) {
		if reads != nil {
			*reads++
		}
		var list []net.Interface
		for name, mtu := range of {
			list = append(list, net.Interface{Name: name, MTU: mtu})
		}
		return list, nil
	}}
}

// The interfaces are read once for all instances, and not at all where nothing
// follows from an MTU.
func TestWantedReadsOnce(t *testing.T) {
	long := config.VRRPInstance{Interface: "eth0", Family: 6, Version: 3}
	for a := netip.MustParseAddr("2001:db8::1"); len(long.VirtualIPAddress) < 100; a = a.Next() {
		long.VirtualIPAddress = append(long.VirtualIPAddress, config.VIP{Prefix: netip.PrefixFrom(a, 128)})
	}
	short := long
	short.VirtualIPAddress = long.VirtualIPAddress[:76]
	many := func(in config.VRRPInstance) (c config.Config) {
		for _, name := range []string{"one", "two", "three"} {
			in.Name = name
			c.Instances = append(c.Instances, in)
		}
		return c
	}
	buffers := many(short)
	buffers.Global.RxBufs = config.RxBufs{Policy: config.RxMTU, Multiplier: 2}
	for _, c := range []struct {
		name  string
		cfg   config.Config
		reads int
		want  measure
	}{
		{"adverts that always fit", many(short), 0, measure{}},
		{"long adverts", many(long), 1, measure{advertised: 76, surplus: 24}},
		{"buffers by the MTU", buffers, 1, measure{advertised: 76, buffer: 2560}},
	} {
		reads := 0
		_, all := wanted(&c.cfg, true, interfaces(map[string]int{"eth0": 1280}, &reads))
		if reads != c.reads || all["three"] != c.want || (all == nil) != (c.reads == 0) {
			t.Errorf("%s: %d reads, %v, want %d and %v", c.name, reads, all, c.reads, c.want)
		}
	}
	at := &mtus{read: func() ([]net.Interface, error) { return nil, errors.New("no memory") }}
	if mtu := at.of("eth0"); mtu != defaultMTU || at.err == nil {
		t.Errorf("MTU %d, error %v", mtu, at.err)
	}
}

// While a reload is under way one refit waits, however many are asked for, and
// what changes once that one has begun is not missed.
func TestOneRefitWaits(t *testing.T) {
	var p process // nothing follows from an MTU: a refit touches nothing
	p.reloads.Lock()
	const asked = 10
	ended := make(chan bool, asked)
	for range asked {
		go func() {
			p.refit()
			ended <- true
		}()
	}
	limit := time.After(time.Minute)
	end := func() {
		select {
		case <-ended:
		case <-limit:
			t.Fatal("more than one waits")
		}
	}
	for range asked - 1 {
		end()
	}
	if len(ended) != 0 || !p.refitting.Load() {
		t.Error("none waits")
	}
	p.reloads.Unlock()
	end()
	if p.refitting.Load() {
		t.Error("the next one would not wait")
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
