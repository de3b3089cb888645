package ipvs

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// drawKey is a key of which another draw is often one, and often one that is
// almost the same.
func drawKey(t *rapid.T) ServiceKey {
	protocol := rapid.SampledFrom([]Protocol{TCP, UDP, SCTP}).Draw(t, "protocol")
	n := rapid.IntRange(0, 40).Draw(t, "n")
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return MarkKey(rapid.SampledFrom([]Family{INET, INET6}).Draw(t, "family"), uint32(n+1))
	case 1:
		return GroupKey(protocol, fmt.Sprint("group", n/4), n%4)
	case 2:
		return AddrKey(protocol, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(n)}), uint16(n%3))
	case 3:
		zone := rapid.SampledFrom([]string{"", "eth0", "eth1"}).Draw(t, "zone")
		return AddrKey(protocol, netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(n % 4)}).WithZone(zone), 80)
	}
	a := netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
	if rapid.IntRange(0, 9).Draw(t, "mapped") == 0 {
		a = netip.AddrFrom16(a.As16()) // another key, although the bytes are the same
	}
	return AddrKey(protocol, a, uint16(n%3))
}

// Whatever is added in whatever order, a map has the same.
func TestPlacesAreThoseOfAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[ServiceKey]int{}
		var list []ServiceKey
		at := func(i int) *ServiceKey { return &list[i] }
		p := NewPlaces(rapid.IntRange(0, 200).Draw(t, "expected"))
		if rapid.Bool().Draw(t, "zero") {
			p = Places{}
		}
		for range rapid.IntRange(0, 400).Draw(t, "keys") {
			k := drawKey(t)
			place, found := p.Find(k, at)
			if w, there := want[k]; found != there || place != w {
				t.Fatalf("%+v: %d, %v; a map says %d, %v", k, place, found, w, there)
			}
			if !found {
				want[k] = len(list)
				p.Add(k, at)
				list = append(list, k)
			}
		}
		for i, k := range list {
			if place, found := p.Find(k, at); !found || place != i {
				t.Fatalf("%+v: %d, %v; it is in place %d", k, place, found, i)
			}
		}
	})
}

// A thousand services take 8 KB, told how many they will be, and twice that at most
// if not. To find one takes no memory, nor many comparisons, whatever it is that tells
// them apart.
func TestPlacesTakeLittle(t *testing.T) {
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(n / 250), byte(n % 250)}) }
	for name, key := range map[string]func(n int) ServiceKey{
		"addresses":      func(n int) ServiceKey { return AddrKey(TCP, addr(n), 80) },
		"IPv6 addresses": func(n int) ServiceKey { return AddrKey(TCP, netip.AddrFrom16(addr(n).As16()), 80) },
		"ports":          func(n int) ServiceKey { return AddrKey(TCP, addr(0), uint16(n)) },
		"marks":          func(n int) ServiceKey { return MarkKey(INET, uint32(n+1)) },
		"groups":         func(n int) ServiceKey { return GroupKey(TCP, fmt.Sprint("g", n), 0) },
		"one group":      func(n int) ServiceKey { return GroupKey(TCP, "g", n) },
	} {
		var list []ServiceKey
		compared := 0
		at := func(i int) *ServiceKey {
			compared++
			return &list[i]
		}
		p, untold := NewPlaces(1000), Places{}
		size := 4 * len(p.slots)
		for n := range 1000 {
			p.Add(key(n), at)
			untold.Add(key(n), at)
			list = append(list, key(n))
		}
		if now := 4 * len(p.slots); size != 8192 || now != size {
			t.Errorf("%s: %d bytes at first and %d with all of them, want 8192", name, size, now)
		}
		if size := 4 * len(untold.slots); size > 2*8192 {
			t.Errorf("%s: %d bytes, not told how many there will be", name, size)
		}
		if n := testing.AllocsPerRun(10, func() { p.Find(list[7], at) }); n != 0 {
			t.Errorf("%s: %v allocations to find one", name, n)
		}
		for _, p := range []*Places{&p, &untold} {
			compared = 0
			for _, k := range list {
				p.Find(k, at)
			}
			if compared > 4*len(list) {
				t.Errorf("%s: %d comparisons for %d services", name, compared, len(list))
			}
		}
	}
}
