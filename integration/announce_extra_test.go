package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestAnnouncementsElsewhere has an instance's addresses on a second interface
// and looks what garp_extra_if says there again and again: of one address on
// each VMAC, with all on each interface of any kind, and of nothing else. Here
// and in keepalived.
func TestAnnouncementsElsewhere(t *testing.T) { patiently(announcementsElsewhereRound)(t) }

func announcementsElsewhereRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "garpextra")
	second, err := n.lab.Segment("second")
	if err != nil {
		t.Fatal(err)
	}
	const repeat = 2
	// k makes the addresses and VRIDs of the two hosts different ones.
	conf := func(k int) string {
		var b strings.Builder
		b.WriteString("global_defs {\n  vrrp_version 3\n  vrrp_garp_extra_if all 1\n}\n")
		for i, in := range []struct{ extra, address string }{
			{"", ""},                         // the global value
			{"garp_extra_if 1", "use_vmac"},  // VMACs only, and this is one
			{"garp_extra_if 1", ""},          // VMACs only, and this is none
			{"garp_extra_if 0", "use_vmac"},  // not at all
			{"garp_extra_if all 1", "label"}, // this instance's own value
		} {
			flags := in.address
			if flags == "label" {
				flags = "label eth1:x"
			}
			host := k + 10*i
			fmt.Fprintf(&b, `vrrp_instance VI_%[1]d {
  interface eth0
  virtual_router_id %[1]d
  priority 150
  advert_int 0.2
  garp_master_repeat %[2]d
  garp_master_delay 0
  %[3]s
  virtual_ipaddress {
    192.0.2.%[1]d/24
    198.51.100.%[1]d/24 dev eth1 %[4]s
    198.51.100.%[5]d/24 dev eth1 %[4]s
  }
}
`, host, repeat, in.extra, flags, 100+host)
		}
		return b.String()
	}
	type daemon struct {
		host *lab.Host
		d    lab.Daemon
		k    int
	}
	pair := []daemon{{n.a, ours(t), 40}, {n.b, theirs(t), 45}}
	for i, d := range pair {
		if err := d.host.Plug(second, "eth1", fmt.Sprintf("02:00:00:00:02:0%d", i+1), fmt.Sprintf("198.51.100.%d/24", i+1)); err != nil {
			t.Fatal(err)
		}
		n.start(d.host, d.d, conf(d.k))
	}
	// said is when a host announced an address.
	said := func(d daemon, address string) (at []time.Time) {
		for _, m := range n.capture.ARPs(time.Time{}) {
			if m.From == d.host.Name && m.Gratuitous() && m.SenderIP.String() == address {
				at = append(at, m.At)
			}
		}
		return at
	}
	// Of each instance the addresses on eth0 and eth1; the second one is that
	// which may be announced again.
	addresses := func(d daemon, i int) [3]string {
		last := d.k + 10*i
		return [3]string{fmt.Sprintf("192.0.2.%d", last), fmt.Sprintf("198.51.100.%d", last), fmt.Sprintf("198.51.100.%d", 100+last)}
	}
	again := [5]bool{0: true, 1: true, 4: true}
	if !lab.WaitFor(30*time.Second, func() bool {
		for _, d := range pair {
			for i, more := range again {
				for k, a := range addresses(d, i) {
					want := repeat
					if more && k == 1 {
						want += 2
					}
					if len(said(d, a)) < want {
						return false
					}
				}
			}
		}
		return true
	}) {
		t.Error("one address on each of the other interfaces is to be announced every second")
	}
	for _, d := range pair {
		for i, more := range again {
			for k, a := range addresses(d, i) {
				got := said(d, a)
				if !more || k != 1 {
					if len(got) != repeat {
						t.Errorf("%s announced %s %d times, want %d", d.d.Name, a, len(got), repeat)
					}
					continue
				}
				// Announcements may be late, and are never early.
				if n := len(got) - repeat; n > 0 && n > int(got[len(got)-1].Sub(got[0])/time.Second)+1 {
					t.Errorf("%s announced %s %d times more within %v", d.d.Name, a, n, got[len(got)-1].Sub(got[0]))
				}
			}
		}
	}
}
