package realserver

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/host"
)

// TestIPv6WithAnotherLength: the address comes with length 128 although Linux
// has an IPv6 address on an interface once only, and is back as it was after
// down.
func TestIPv6WithAnotherLength(t *testing.T) {
	f, st := newFake(), store(t)
	f.Addrs = append(f.Addrs, host.Addr{Device: "lo", Prefix: netip.PrefixFrom(vip6, 64)})
	before := f.clone()
	if _, err := Up(st, f, vip6, Spec{}); err != nil {
		t.Fatal(err)
	}
	if on := f.On(vip6); len(on) != 1 || on[0].Prefix.Bits() != 128 {
		t.Errorf("after up: %v", on)
	}
	if _, err := Down(st, f, vip6); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, &f.Snapshot, sameAddresses); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestSecondaryAddressesStay: the other addresses of a network do not go with
// the one whose length is mended, and all are back after down, with or without
// a broadcast address as before.
func TestSecondaryAddressesStay(t *testing.T) {
	f, st := newFake(), store(t)
	for _, a := range []netip.Addr{vip, vip2} {
		if err := f.add(host.Addr{Device: "lo", Prefix: netip.PrefixFrom(a, 24), Label: "lo"}); err != nil {
			t.Fatal(err)
		}
	}
	f.Addrs[len(f.Addrs)-1].Broadcast = netip.MustParseAddr("192.0.2.255")
	before := f.clone()
	if _, err := Up(st, f, vip, Spec{}); err != nil {
		t.Fatal(err)
	}
	if on := f.On(vip2); len(on) != 1 {
		t.Fatalf("%s is lost: %v", vip2, on)
	}
	if _, err := Up(st, f, vip2, Spec{}); err != nil {
		t.Fatal(err)
	}
	for _, a := range []netip.Addr{vip2, vip} {
		if on := f.On(a); len(on) != 1 || on[0].Prefix.Bits() != 32 {
			t.Errorf("%s after up: %v", a, on)
		}
		if _, err := Down(st, f, a); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*host.Snapshot{before, &f.Snapshot} {
		for k := range s.Addrs {
			s.Addrs[k].Secondary = false // the order is not restored
		}
		slices.SortFunc(s.Addrs, func(a, b host.Addr) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	}
	if diff := cmp.Diff(before, &f.Snapshot, sameAddresses); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}
