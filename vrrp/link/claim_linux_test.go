package link

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// What another machine announces or asks for is told once, with its place; what
// this machine sends, and what ordinary neighbours say, is not.
func TestWatchClaims(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, vb := veth(t, []string{"192.0.2.1/24"}, []string{"192.0.2.2/24"})
	var mu sync.Mutex
	var told []Claim
	c, err := WatchClaims(nil, func(c Claim) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, c)
	})
	if err != nil {
		unable(t, err.Error())
	}
	a := announcer(t)
	hw := mac(t, macA)
	held, wanted := addr("192.0.2.9"), addr("192.0.2.10")
	ordinary := slices.Concat(etherBroadcast, hw, unhex(t, "08060001080006040001567adccde37bc0000201000000000000c0000202"))
	for range 3 {
		a.mu.Lock()
		a.send(&a.direct, []garpFrame{{va, wanted, ordinary}})
		a.mu.Unlock()
		if err := a.Announce(va, hw, []netip.Addr{held}, 1); err != nil {
			t.Fatal(err)
		}
		if err := a.Ask(va, hw, []netip.Addr{wanted}); err != nil {
			t.Fatal(err)
		}
	}
	want := []Claim{{Ifindex: vb, Addr: held, HW: [6]byte(hw)}, {Ifindex: vb, Addr: wanted, HW: [6]byte(hw), Asked: true}}
	eventually(t, "both claims", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(told, want[0]) && slices.Contains(told, want[1])
	})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for _, x := range told { // more than once where a second ended in between
		if !slices.Contains(want, x) {
			t.Errorf("told %v", x)
		}
	}
	if !slices.Contains(told, want[0]) || !slices.Contains(told, want[1]) {
		t.Errorf("told %v, want %v", told, want)
	}
	if err := a.Ask(va, nil, []netip.Addr{wanted}); err == nil {
		t.Error("asked without a hardware address")
	}
}

// The same by neighbour discovery, where vb has the address: whoever has it has
// joined the group that is asked.
func TestWatchClaims6(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, vb := veth6(t)
	run(t, "ip", "addr", "add", "2001:db8::9/64", "dev", "vb", "nodad")
	var mu sync.Mutex
	var told []Claim
	c, err := WatchClaims(nil, func(c Claim) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, c)
	})
	if err != nil {
		unable(t, err.Error())
	}
	a := announcer(t)
	hw, held := mac(t, macA), addr("2001:db8::9")
	na, err := unsolicitedNA(hw, held, false)
	if err != nil {
		t.Fatal(err)
	}
	altered := func(at int, value byte) []byte {
		b := slices.Clone(na)
		b[at] = value
		b[14+ipv6Header+2], b[14+ipv6Header+3] = 0, 0
		return sealICMPv6(b, naBody)
	}
	const hops, flags, option = 14 + 7, 14 + ipv6Header + 4, 14 + ipv6Header + ndBody
	for _, frame := range [][]byte{
		altered(hops, 254),
		altered(flags, naOverride|0x40), // an answer
		altered(option, 14),             // no link-layer address
		append(slices.Clone(na[:14+ipv6Header+2]), append([]byte{0xba, 0xad}, na[14+ipv6Header+4:]...)...), // checksum
	} {
		a.mu.Lock()
		a.send(&a.direct, []garpFrame{{va, held, frame}})
		a.mu.Unlock()
	}
	want := []Claim{{Ifindex: vb, Addr: held, HW: [6]byte(hw)}, {Ifindex: vb, Addr: held, Asked: true}}
	eventually(t, "both claims", func() bool {
		if err := a.Announce(va, hw, []netip.Addr{held}, 1); err != nil {
			t.Fatal(err)
		}
		if err := a.Ask(va, hw, []netip.Addr{held}); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(told, want[0]) && slices.Contains(told, want[1])
	})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	seen := map[Claim]bool{}
	for _, x := range told {
		if x.Ifindex == vb { // and not on va, what the kernel answers
			seen[x] = true
		}
	}
	if len(seen) != 2 || !seen[want[0]] || !seen[want[1]] {
		t.Errorf("told %v, want %v", told, want)
	}
}

// The question for an IPv6 address is the neighbour solicitation of duplicate
// address detection.
func TestQuestion(t *testing.T) {
	got, err := question(mac(t, "02:00:00:00:00:01"), addr("2001:db8::102:304"))
	if want := "3333ff020304" + "020000000001" + "86dd" + "6000000000183aff" + "00000000000000000000000000000000" +
		"ff0200000000000000000001ff020304" + "8700" + "45e3" + "00000000" + "20010db8000000000000000001020304"; err != nil || !slices.Equal(got, unhex(t, want)) {
		t.Errorf("got  %x, %v\nwant %s", got, err, want)
	}
}

// FuzzClaim reads what anybody may send.
func FuzzClaim(f *testing.F) {
	garp, _ := gratuitousARP(net.HardwareAddr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("192.0.2.9"))
	probe, _ := question(net.HardwareAddr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("192.0.2.9"))
	na, _ := unsolicitedNA(net.HardwareAddr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("2001:db8::9"), true)
	ns, _ := question(net.HardwareAddr{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("2001:db8::9"))
	f.Add(na[14+ipv6Header:])
	f.Add(ns[14+ipv6Header:])
	f.Add(garp[14:])
	f.Add(probe[14:])
	f.Add([]byte{0, 1, 8, 0, 6, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := claimOf(3, b)
		if ok && (!c.Addr.Is4() || c.Addr.IsUnspecified() || c.Ifindex != 3) {
			t.Errorf("%v from %x", c, b)
		}
		c, ok = claimOf6(3, ttlVRRP, b)
		if ok && (!c.Addr.Is6() || c.Addr.IsUnspecified() || c.Addr.IsMulticast() || c.Ifindex != 3 || c.Asked && c.HW != [6]byte{}) {
			t.Errorf("%v from %x", c, b)
		}
	})
}
