package link

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestParseJoined6(t *testing.T) {
	j, err := parseJoined6(strings.NewReader(`1    lo              ff020000000000000000000000000001     1 0000000C 0
7    eth0            ff020000000000000000000000000012     1 00000004 0
7    eth0            ff020000000000000000000000000001     1 0000000C 0
x    eth1            ff020000000000000000000000000012     1 00000004 0
8    eth1            ff02000000000000000000000000001      1 00000004 0
9    eth2            e0000012     1 00000004 0
10
`))
	if err != nil || len(j.groups) != 3 || len(j.on) != 2 {
		t.Errorf("%v, %v", j, err)
	}
	for _, c := range []struct {
		m    membership
		deaf bool
	}{
		{membership{7, group6}, false},
		{membership{1, group6}, true},
		{membership{8, group6}, false}, // no IPv6 at all: joining would fail
	} {
		if j.deaf(c.m) != c.deaf {
			t.Errorf("%v: deaf %v", c.m, !c.deaf)
		}
	}
}

func FuzzParseJoined6(f *testing.F) {
	f.Add("1    lo              ff020000000000000000000000000001     1 0000000C 0\n")
	f.Add("1 2 3\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		j, _ := parseJoined6(strings.NewReader(text))
		for m := range j.groups {
			if !m.group.Is6() || !j.on[m.ifindex] {
				t.Errorf("%v", m)
			}
		}
	})
}

// IPv6 is taken off an interface and put back before anybody could look: the
// kernel has forgotten who listens there, and the sockets have not.
func TestListensAgainAfterAnMTUTooSmallForIPv6(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth6(t)
	pa, pb := Port{Ifindex: a, Group: group6}, Port{Ifindex: b, Group: group6}
	wa, wb := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, wa, pa)
	open(t, wb, pb)
	joins := newMemberships()
	t.Cleanup(joins.close)
	other := membership{b, addr("ff02::77")}
	if err := joins.set(map[membership]bool{other: true}); err != nil {
		t.Fatal(err)
	}
	updates := watch(t)
	until(t, updates, "the present set", func(list []Interface) bool { _, ok := named(list, "vb"); return ok })
	// With the settings of new interfaces, as everything else of IPv6.
	for _, s := range []string{"accept_dad=0", "dad_transmits=0", "router_solicitations=0", "disable_ipv6=0"} {
		key, value, _ := strings.Cut(s, "=")
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/"+key, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "sh", "-c", `ip link set vb mtu 1000; ip link set vb mtu 1500`)
	var low []int
	eventually(t, "news of an MTU that was too small", func() bool {
		select {
		case u := <-updates:
			low = append(low, u.LowMTU...)
		default:
		}
		return len(low) > 0
	})
	if !slices.Contains(low, b) || slices.Contains(low, a) {
		t.Errorf("too small at %v, want %d", low, b)
	}
	eventually(t, "the link-local address again", func() bool {
		list, err := NewWatcher(nil).List()
		i, _ := named(list, "vb")
		return err == nil && i.LinkLocal.IsValid()
	})
	now, err := readJoined6()
	if err != nil {
		t.Fatal(err)
	}
	if !now.deaf(membership{b, group6}) || !now.deaf(other) {
		t.Errorf("this kernel has not forgotten: %v", now.groups)
	}
	send(t, wa, pa, "ff02::12", []byte("unheard"))
	quiet(t, wb)
	open(t, wb, pb)
	if err := joins.set(map[membership]bool{other: true}); err != nil {
		t.Error(err)
	}
	send(t, wa, pa, "ff02::12", []byte("heard"))
	if got := receive(t, wb, 1); len(got) != 1 || string(got[0].Body) != "heard" {
		t.Errorf("got %v", got)
	}
	if now, err := readJoined6(); err != nil || now.deaf(other) {
		t.Errorf("%v is not joined again: %v", other, err)
	}
	if s, _ := wb.PortStats(pb); s.Received != 1 {
		t.Errorf("%+v", s)
	}
}
