package link

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// say prints changes as one would type them.
func say(ops []planned) string {
	var b strings.Builder
	for _, o := range ops {
		verb := "del"
		if o.add {
			verb = "add"
		}
		fmt.Fprintf(&b, "%s %v %d", verb, o.addr.Prefix, o.addr.Ifindex)
		if o.addr.Label != "" {
			b.WriteString(" " + o.addr.Label)
		}
		fmt.Fprintf(&b, " for %d\n", o.request)
	}
	return b.String()
}

// The steps follow one another: each starts with what the one before left.
func TestPlan(t *testing.T) {
	installed := map[int]map[addrKey]*Address{}
	at := func(list ...string) []Address {
		var out []Address
		for _, s := range list {
			p, label, _ := strings.Cut(s, " ")
			out = append(out, Address{Ifindex: 2, Prefix: prefix(p), Label: label})
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		reqs  []request
		stuck string // a removal that fails
		risky bool
		want  string
	}{
		{
			"two owners in one round",
			[]request{{owner: 1, gen: 1, want: at("192.0.2.1/32", "192.0.2.2/32", "192.0.2.1/32")}, {owner: 2, gen: 1, want: at("198.51.100.1/32")}},
			"", false,
			"add 192.0.2.1/32 2 for 0\nadd 192.0.2.2/32 2 for 0\nadd 198.51.100.1/32 2 for 1\n",
		},
		{
			"the same again asks again",
			[]request{{owner: 2, gen: 2, want: at("198.51.100.1/32")}},
			"", false,
			"add 198.51.100.1/32 2 for 0\n",
		},
		{
			"add before delete, and a removal that fails",
			[]request{{owner: 1, gen: 2, want: at("192.0.2.3/32")}},
			"192.0.2.2/32", false,
			"add 192.0.2.3/32 2 for 0\ndel 192.0.2.1/32 2 for 0\ndel 192.0.2.2/32 2 for 0\n",
		},
		{
			"what another owner wants stays; what failed is tried again",
			[]request{{owner: 1, gen: 3, want: nil}, {owner: 2, gen: 3, want: at("198.51.100.1/32", "192.0.2.3/32")}},
			"", false,
			"add 198.51.100.1/32 2 for 1\nadd 192.0.2.3/32 2 for 1\ndel 192.0.2.2/32 2 for 0\n",
		},
		{
			"another label",
			[]request{{owner: 2, gen: 4, want: at("198.51.100.1/32 va:1")}},
			"", false,
			"del 198.51.100.1/32 2 for 0\nadd 198.51.100.1/32 2 va:1 for 0\ndel 192.0.2.3/32 2 for 0\n",
		},
		{
			"subnets added are harmless",
			[]request{{owner: 3, gen: 1, want: at("203.0.113.1/24", "203.0.113.2/24")}},
			"", false,
			"add 203.0.113.1/24 2 for 0\nadd 203.0.113.2/24 2 for 0\n",
		},
		{
			"subnets removed are not",
			[]request{{owner: 3, gen: 2, want: at("203.0.113.2/24")}, {owner: 2, gen: 5, want: nil}},
			"", true,
			"add 203.0.113.2/24 2 for 0\ndel 203.0.113.1/24 2 for 0\ndel 198.51.100.1/32 2 va:1 for 1\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlan(installed, tt.reqs)
			if got := say(p.all()); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			if p.risky() != tt.risky {
				t.Errorf("risky = %v", p.risky())
			}
			stuck := map[planned]bool{}
			for _, o := range p.removals {
				if o.addr.Prefix.String() == tt.stuck {
					stuck[o] = true
				}
			}
			p.remember(installed, stuck)
		})
	}
	if len(installed) != 1 || len(installed[3]) != 1 {
		t.Errorf("left: %v", installed)
	}
}

func TestLostSecondaries(t *testing.T) {
	k := func(ifindex int, p string) kernelAddr {
		return kernelAddr{Address: Address{Ifindex: ifindex, Prefix: prefix(p), Flags: unix.IFA_F_SECONDARY | unix.IFA_F_PERMANENT}}
	}
	before := []kernelAddr{
		k(2, "192.0.2.1/24"), k(2, "192.0.2.2/24"), k(2, "192.0.2.3/24"), k(2, "192.0.2.4/24"),
		k(2, "192.0.2.5/25"), k(3, "192.0.2.6/24"), k(2, "198.51.100.1/24"), k(2, "2001:db8::1/64"),
	}
	after := []kernelAddr{k(2, "192.0.2.4/24")}
	removed := []planned{{addrOp: addrOp{addr: k(2, "192.0.2.1/24")}}, {addrOp: addrOp{addr: k(2, "192.0.2.3/24")}}}
	got := lostSecondaries(before, after, removed)
	if len(got) != 1 || !got[0].add || got[0].addr.Prefix != prefix("192.0.2.2/24") || got[0].addr.Flags != 0 {
		t.Errorf("got %v", got)
	}
}

func TestLeftOvers(t *testing.T) {
	k := func(ifindex int, p string, proto uint8) kernelAddr {
		return kernelAddr{Address: Address{Ifindex: ifindex, Prefix: prefix(p)}, Proto: proto}
	}
	present := []kernelAddr{
		k(2, "192.0.2.1/24", 0), k(2, "192.0.2.2/32", IFAProto), k(2, "192.0.2.3/32", IFAProto),
		k(2, "192.0.2.4/32", 0), k(3, "192.0.2.5/32", 0), k(3, "192.0.2.6/32", 0),
	}
	at := func(ifindex int, p string) Address { return Address{Ifindex: ifindex, Prefix: prefix(p)} }
	var got []string
	for _, x := range leftOvers(present,
		[]Address{at(2, "192.0.2.4/32"), at(0, "192.0.2.5/32"), at(2, "192.0.2.6/32"), at(2, "192.0.2.1/32")},
		[]Address{at(2, "192.0.2.3/32")}) {
		got = append(got, x.Prefix.String())
	}
	if s := strings.Join(got, " "); s != "192.0.2.2/32 192.0.2.4/32 192.0.2.5/32" {
		t.Errorf("got %s", s)
	}
}

func TestPrimarySources(t *testing.T) {
	k := func(ifindex int, p string, proto uint8, flags uint32) kernelAddr {
		return kernelAddr{Address: Address{Ifindex: ifindex, Prefix: prefix(p), Flags: flags}, Proto: proto}
	}
	got := primarySources([]kernelAddr{
		k(1, "2001:db8::1/64", 0, 0),
		k(2, "192.0.2.9/32", IFAProto, 0), k(2, "192.0.2.2/24", 0, unix.IFA_F_SECONDARY), k(2, "192.0.2.1/24", 0, 0), k(2, "192.0.2.3/24", 0, 0),
		k(3, "198.51.100.2/24", IFAProto, 0), k(3, "198.51.100.1/24", 0, unix.IFA_F_SECONDARY),
		k(4, "203.0.113.1/32", IFAProto, 0),
		k(5, "2001:db8::5/64", 0, 0), k(5, "fe80::1/64", IFAProto, unix.IFA_F_NODAD), k(5, "fe80::5/64", 0, 0), k(5, "fe80::6/64", 0, 0),
		k(6, "fe80::7/64", 0, unix.IFA_F_TENTATIVE), k(6, "fe80::8/64", 0, unix.IFA_F_DADFAILED|unix.IFA_F_TENTATIVE),
		k(7, "fe80::64/64", 0, unix.IFA_F_NODAD), k(7, "fe80::9/64", 0, 0),
		k(8, "fe80::a/64", 0, unix.IFA_F_NODAD),
	})
	for ifindex, want := range map[int]string{5: "fe80::5", 7: "fe80::9", 8: "fe80::a"} {
		if a := got[sourceKey{ifindex, true}]; a != addr(want) {
			t.Errorf("IPv6 source of interface %d: %v, want %s", ifindex, a, want)
		}
	}
	if len(got) != 5 || got[sourceKey{2, false}] != addr("192.0.2.1") || got[sourceKey{3, false}] != addr("198.51.100.1") {
		t.Errorf("got %v", got)
	}
}

func TestOperational(t *testing.T) {
	const both = unix.IFF_UP | unix.IFF_RUNNING
	for _, tt := range []struct {
		flags uint32
		state netlink.LinkOperState
		want  bool
	}{
		{both, netlink.OperUp, true},
		{both, netlink.OperUnknown, true},
		{both, netlink.OperDormant, false},
		{both, netlink.OperLowerLayerDown, false},
		{unix.IFF_UP, netlink.OperDown, false},
		{unix.IFF_UP, netlink.OperUnknown, false},
		{unix.IFF_RUNNING, netlink.OperUp, false},
	} {
		if got := operational(tt.flags, tt.state); got != tt.want {
			t.Errorf("operational(%#x, %v) = %v", tt.flags, tt.state, got)
		}
	}
}
