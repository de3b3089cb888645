package link

import (
	"net/netip"
	"slices"
	"testing"

	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// delAddr is an RTM_DELADDR message as the kernel writes it.
func delAddr(ifindex uint32, prefix string, attrs ...uint16) mdnetlink.Message {
	p := netip.MustParsePrefix(prefix)
	data := []byte{unix.AF_INET, byte(p.Bits()), 0, 0, byte(ifindex), byte(ifindex >> 8), 0, 0}
	ae := mdnetlink.NewAttributeEncoder()
	for _, t := range attrs {
		ae.Bytes(t, p.Addr().AsSlice())
	}
	b, _ := ae.Encode()
	return mdnetlink.Message{Header: mdnetlink.Header{Type: unix.RTM_DELADDR}, Data: append(data, b...)}
}

func TestRemovals(t *testing.T) {
	var r removals
	r.add([]mdnetlink.Message{
		delAddr(3, "192.0.2.100/24", unix.IFA_ADDRESS, unix.IFA_LOCAL),
		delAddr(3, "2001:db8::1/64", unix.IFA_ADDRESS),
		delAddr(3, "192.0.2.100/24", unix.IFA_LOCAL),
		delAddr(4, "192.0.2.101/24", unix.IFA_LOCAL),
		delAddr(4, "192.0.2.102/24", unix.IFA_LOCAL),
		delAddr(4, "192.0.2.103/24"), // without an address
		{Header: mdnetlink.Header{Type: unix.RTM_DELADDR}, Data: []byte{2, 24}},
		{Header: mdnetlink.Header{Type: unix.RTM_NEWADDR}},
	})
	list, low, lost := r.take()
	if lost || len(low) != 0 || len(list) != 5 {
		t.Fatalf("%v, lost %v", list, lost)
	}
	prefix := netip.MustParsePrefix
	known := []LostAddress{{Ifindex: 4, Prefix: prefix("192.0.2.101/24")}}
	now := []Interface{{Index: 4, Addrs: []netip.Prefix{prefix("192.0.2.102/24")}}}
	got := stillMissing(list, known, now)
	want := []LostAddress{{Ifindex: 3, Prefix: prefix("192.0.2.100/24")}, {Ifindex: 3, Prefix: prefix("2001:db8::1/64")}}
	if !slices.Equal(got, want) {
		t.Errorf("still missing %v, want %v", got, want)
	}
	if list, _, _ := r.take(); len(list) != 0 {
		t.Errorf("taken twice: %v", list)
	}
}

func TestTooManyRemovalsAreALossOfNews(t *testing.T) {
	var r removals
	msgs := []mdnetlink.Message{delAddr(3, "192.0.2.100/24", unix.IFA_LOCAL)}
	for range maxRemovals + 1 {
		r.add(msgs)
	}
	if list, _, lost := r.take(); !lost || len(list) != maxRemovals {
		t.Errorf("%d, lost %v", len(list), lost)
	}
}

func FuzzRemovedAddress(f *testing.F) {
	f.Add(delAddr(3, "192.0.2.100/24", unix.IFA_LOCAL).Data)
	f.Add([]byte{2, 200, 0, 0, 1, 0, 0, 0, 4, 0, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, ok := removedAddress(data); ok && !a.Prefix.IsValid() {
			t.Errorf("%v", a)
		}
	})
}
