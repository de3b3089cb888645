package link

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var group6 = addr("ff02::12")

// veth6 is veth with IPv6: the link-local addresses are those of macA and macB.
func veth6(t testing.TB) (a, b int) {
	t.Helper()
	a, b = veth(t, nil, nil)
	for _, name := range []string{"va", "vb"} {
		for _, s := range []string{"accept_dad=0", "dad_transmits=0", "router_solicitations=0", "disable_ipv6=0"} {
			key, value, _ := strings.Cut(s, "=")
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/"+key, []byte(value), 0o644); err != nil {
				unable(t, "no IPv6: "+err.Error())
			}
		}
	}
	eventually(t, "link-local addresses", func() bool {
		list, err := NewWatcher(nil).List()
		n := 0
		for _, i := range list {
			if i.LinkLocal.IsValid() {
				n++
			}
		}
		return err == nil && n == 2
	})
	return a, b
}

const (
	linkLocalA = "fe80::547a:dcff:fecd:e37b"
	linkLocalB = "fe80::f8c7:ccff:fe8f:fccc"
)

func TestWire6Multicast(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth6(t)
	run(t, "ip", "addr", "add", "2001:db8::1/64", "dev", "va", "nodad")
	pa, pb := Port{Ifindex: a, Group: group6}, Port{Ifindex: b, Group: group6}
	other := Port{Ifindex: b, Group: addr("ff02::77")}
	fixed := Port{Ifindex: a, Group: group6, Source: addr("2001:db8::1")}
	wa, wb, wo, wf := wire(t, WireConfig{}), wire(t, WireConfig{}), wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, wa, pa)
	open(t, wb, pb)
	open(t, wo, other)
	open(t, wf, fixed)
	next := capture(t, b, etherTypeIPv6)

	if src, ok := wa.SourceOf(pa); !ok || src != addr(linkLocalA) {
		t.Errorf("SourceOf = %v, %v", src, ok)
	}
	for _, tt := range []struct {
		w    *EpollWire
		port Port
		src  string
	}{{wa, pa, linkLocalA}, {wf, fixed, "2001:db8::1"}} {
		body := bytes.Repeat([]byte{0x31}, 8+255*16)[:1400]
		send(t, tt.w, tt.port, "ff02::12", body)
		got := receive(t, wb, 1)
		if len(got) != 1 {
			t.Fatalf("got %d packets, want 1", len(got))
		}
		p := got[0]
		p.Arrived, p.Body = time.Time{}, nil
		want := Packet{Port: pb, Src: addr(tt.src), Dst: group6, TTL: 255, TotalLen: len(body)}
		if fmt.Sprint(p) != fmt.Sprint(want) || !bytes.Equal(got[0].Body, body) {
			t.Errorf("got %+v with body %x", p, got[0].Body)
		}
		// The frame, but for the flow label: class CS6, hop limit 255.
		head := unhex(t, "333300000012"+strings.ReplaceAll(macA, ":", "")+"86dd"+"6c000000"+"0578"+"70ff")
		var f []byte
		for f = next(); f != nil && f[20] != protoVRRP; f = next() {
		}
		if len(f) < 54 {
			t.Fatalf("frame %x", f)
		}
		f[15] &= 0xf0
		f[16], f[17] = 0, 0
		if !bytes.Equal(f[:22], head) || netip.AddrFrom16([16]byte(f[22:38])) != addr(tt.src) {
			t.Errorf("frame %x, want %x", f[:54], head)
		}
	}
	quiet(t, wa) // no loop
	quiet(t, wo) // another group
	if s, ok := wb.PortStats(pb); !ok || s.Received != 2 || s.Malformed != 0 || s.QueueDrops != 0 {
		t.Errorf("stats of the receiver %+v, %v", s, ok)
	}
}

// Both families live beside each other on one interface.
func TestWire6BesideIPv4(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth6(t)
	run(t, "ip", "addr", "add", "10.9.0.2/24", "dev", "va")
	run(t, "ip", "addr", "add", "10.9.0.1/24", "dev", "vb")
	a4, a6 := Port{Ifindex: a, Group: group}, Port{Ifindex: a, Group: group6}
	b4, b6 := Port{Ifindex: b, Group: group}, Port{Ifindex: b, Group: group6}
	wa, wb := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, wa, a4, a6)
	open(t, wb, b4, b6)
	batch := []Datagram{
		{Port: a6, Dst: group6, Body: []byte("six")},
		{Port: a4, Dst: group, Body: []byte("four")},
		{Port: a6, Dst: group, Body: []byte("wrong")},
		{Port: a4, Dst: group6, Body: []byte("wrong")},
		{Port: a6, Dst: group6, Body: []byte("six")},
	}
	wa.Send(batch)
	for i, want := range []error{nil, nil, unix.EAFNOSUPPORT, unix.EAFNOSUPPORT, nil} {
		if batch[i].Err != want {
			t.Errorf("datagram %d: %v, want %v", i, batch[i].Err, want)
		}
	}
	got := map[string]int{}
	for _, p := range receive(t, wb, 3) {
		got[fmt.Sprint(p.Port.Group, " ", string(p.Body))]++
	}
	if len(got) != 2 || got["224.0.0.18 four"] != 1 || got["ff02::12 six"] != 2 {
		t.Errorf("got %v", got)
	}
}

func TestWire6Unicast(t *testing.T) {
	if !inNetns(t) {
		return
	}
	lo := index(t, "lo")
	run(t, "ip", "addr", "add", "2001:db8::2/128", "dev", "lo", "nodad")
	// The kernel makes the address reachable a moment later.
	eventually(t, "the local route", func() bool {
		return len(run(t, "ip", "-6", "route", "show", "table", "local", "2001:db8::2")) > 0
	})
	one, two := Port{Ifindex: lo, Source: addr("::1")}, Port{Ifindex: lo, Source: addr("2001:db8::2")}
	w1, w2 := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, w1, one)
	open(t, w2, two)
	send(t, w1, one, "2001:db8::2", []byte("there"))
	got := receive(t, w2, 1)
	if len(got) != 1 || got[0].Src != addr("::1") || got[0].Dst != addr("2001:db8::2") || got[0].Port != two || string(got[0].Body) != "there" || got[0].TTL != 255 {
		t.Errorf("got %+v", got)
	}
	quiet(t, w1)
}

// A unicast port on a link-local address hears what is sent to it there.
func TestWire6UnicastLinkLocal(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth6(t)
	run(t, "ip", "-6", "neigh", "add", linkLocalB, "lladdr", macB, "dev", "va", "nud", "permanent")
	pa, pb := Port{Ifindex: a, Source: addr(linkLocalA)}, Port{Ifindex: b, Source: addr(linkLocalB)}
	wa, wb := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, wa, pa)
	open(t, wb, pb)
	next := capture(t, b, etherTypeIPv6)
	send(t, wa, pa, linkLocalB, []byte("there"))
	for f := next(); ; f = next() {
		if f == nil {
			t.Fatal("nothing was sent")
		}
		if f[20] == protoVRRP {
			break
		}
	}
	// The kernel hands what one interface of a machine sends to another over lo,
	// where the port of the second does not listen: the frame has to do.
}

// More than one slab comes in, and nothing is allocated on the way.
func TestWire6Many(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth6(t)
	pa, pb := Port{Ifindex: a, Group: group6}, Port{Ifindex: b, Group: group6}
	inOrder(t)
	wa, wb := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, wa, pa)
	open(t, wb, pb)
	batch := make([]Datagram, 300)
	for i := range batch {
		batch[i] = Datagram{Port: pa, Dst: group6, Body: []byte{byte(i >> 8), byte(i)}}
	}
	turn := func() (n int) {
		wa.Send(batch)
		for n < len(batch) {
			ps, err := wb.Wait(wb.Now().Add(15 * time.Second))
			if err != nil || len(ps) == 0 {
				return n
			}
			for _, p := range ps {
				if got := int(p.Body[0])<<8 | int(p.Body[1]); got != n%len(batch) || p.TTL != 255 || p.Dst != group6 {
					t.Fatalf("message %d: %+v", n, p)
				}
				n++
			}
		}
		return n
	}
	if n := turn(); n != len(batch) {
		t.Fatalf("%d of %d arrived", n, len(batch))
	}
	if allocs := testing.AllocsPerRun(20, func() { turn() }); allocs > 0 {
		t.Errorf("%v allocations for a turn", allocs)
	}
}

// An interface has no source before duplicate address detection is over.
func TestWire6WaitsForLinkLocal(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, _ := veth(t, nil, nil)
	w := wire(t, WireConfig{})
	p := Port{Ifindex: a, Group: group6}
	set := func(list ...string) {
		for _, s := range list {
			key, value, _ := strings.Cut(s, "=")
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/va/"+key, []byte(value), 0o644); err != nil {
				unable(t, "no IPv6: "+err.Error())
			}
		}
	}
	tentative := func() bool {
		return strings.Contains(run(t, "ip", "addr", "show", "dev", "va", "tentative"), "fe80::")
	}
	seen := false
	for range 10 { // it may be over before a busy machine has looked
		set("accept_dad=1", "dad_transmits=2", "router_solicitations=0", "disable_ipv6=0")
		open(t, w, p)
		src, ok := w.SourceOf(p)
		if seen = tentative(); seen { // so it was when the source was looked for
			if ok {
				t.Errorf("sends from %v, which is tentative", src)
			}
			break
		}
		set("disable_ipv6=1")
	}
	if !seen {
		t.Fatal("duplicate address detection was always over before it was looked at")
	}
	eventually(t, "an address to send from", func() bool {
		open(t, w, p)
		_, ok := w.SourceOf(p)
		return ok
	})
}

func FuzzCmsg6(f *testing.F) {
	p := newPktinfo(7)
	p.set(group6)
	hops := make([]byte, unix.CmsgSpace(4))
	copy(hops, []byte{byte(unix.CmsgLen(4)), 0, 0, 0, 0, 0, 0, 0, unix.IPPROTO_IPV6, 0, 0, 0, unix.IPV6_HOPLIMIT, 0, 0, 0, 255})
	f.Add(append(bytes.Clone(p.b), hops...))
	f.Add(p.b)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := parseCmsg6(b)
		if ok && !a.dst.Is6() {
			t.Errorf("%x: %+v", b, a)
		}
	})
}

func TestCmsg6(t *testing.T) {
	p := newPktinfo(7)
	p.set(group6)
	hops := make([]byte, unix.CmsgSpace(4))
	copy(hops, []byte{byte(unix.CmsgLen(4)), 0, 0, 0, 0, 0, 0, 0, unix.IPPROTO_IPV6, 0, 0, 0, unix.IPV6_HOPLIMIT, 0, 0, 0, 254})
	for _, b := range [][]byte{append(bytes.Clone(p.b), hops...), append(bytes.Clone(hops), p.b...)} {
		if a, ok := parseCmsg6(b); !ok || a != (ancillary6{group6, 7, 254}) {
			t.Errorf("%x: %+v, %v", b, a, ok)
		}
	}
	if _, ok := parseCmsg6(p.b); ok {
		t.Error("a message without its hop limit was taken")
	}
	if _, ok := parseCmsg6(hops); ok {
		t.Error("a message without its destination was taken")
	}
}
