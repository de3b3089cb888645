package integration

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
)

// TestSameBytes runs one configuration with each daemon alone, in networks
// that are the same down to the hardware addresses, and compares what they
// send: adverts, gratuitous ARPs, and the farewell.
func TestSameBytes(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	vips6 := []string{"fe80::6464/64", "2001:db8::100/64", "2001:db8::101"}
	vips := []string{"192.0.2.100/24", "192.0.2.101/32", "198.51.100.7/24 dev eth0"}
	for _, c := range []struct {
		name string
		conf string
	}{
		{"v2", router{Version: 2, VRID: 51, Interval: time.Second, Priority: 150, VIPs: vips}.conf()},
		{"v2 PASS", router{Version: 2, VRID: 52, Interval: time.Second, Priority: 100, Pass: "longer than eight"[:8], VIPs: vips[:1]}.conf()},
		{"v3", router{Version: 3, VRID: 53, Interval: 500 * time.Millisecond, Priority: 200, VIPs: vips}.conf()},
		{"v3 at 10ms", router{Version: 3, VRID: 54, Interval: 10 * time.Millisecond, Priority: 1, VIPs: vips[:2]}.conf()},
		{"GARP numbers", router{
			Version: 2, VRID: 55, Interval: time.Second, Priority: 254, VIPs: vips[:2],
			Extra: "  garp_master_delay 2\n  garp_master_repeat 3\n  garp_master_refresh 1\n  garp_master_refresh_repeat 2\n",
		}.conf()},
		{"IPv6", router{Version: 3, VRID: 57, Interval: 500 * time.Millisecond, Priority: 200, VIPs: vips6}.conf()},
		{"IPv6 with global addresses only", router{Version: 3, VRID: 58, Interval: 40 * time.Millisecond, Priority: 20, VIPs: vips6[1:]}.conf()},
		{"IPv6 with excluded ones of both families", router{
			Version: 3, VRID: 59, Interval: time.Second, Priority: 100, VIPs: vips6[:1],
			Extra: "  garp_master_repeat 2\n  virtual_ipaddress_excluded {\n    198.51.100.20/24\n    2001:db8:5::20/64\n    198.51.100.21/24\n  }\n",
		}.conf()},
		{"excluded", router{
			Version: 2, VRID: 56, Interval: time.Second, Priority: 120, VIPs: vips[:1],
			Extra: "  virtual_ipaddress_excluded {\n    198.51.100.20/24\n  }\n",
		}.conf()},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			want := sent(t, them, c.conf)
			got := sent(t, us, c.conf)
			if diff := cmp.Diff(want.adverts, got.adverts); diff != "" {
				t.Errorf("adverts (-keepalived +holdfast):\n%s", diff)
			}
			if diff := cmp.Diff(want.arps, got.arps); diff != "" {
				t.Errorf("gratuitous ARPs (-keepalived +holdfast):\n%s", diff)
			}
			if diff := cmp.Diff(want.farewell, got.farewell); diff != "" {
				t.Errorf("farewell (-keepalived +holdfast):\n%s", diff)
			}
			if got.arpTimes[0] < 0 || want.arpTimes[0] < 0 {
				t.Errorf("the first ARP comes %v after the first advert, keepalived's %v", got.arpTimes[0], want.arpTimes[0])
			}
			t.Logf("ARPs after the first advert: holdfast %v, keepalived %v", got.arpTimes, want.arpTimes)
			for i := range min(len(want.arpTimes), len(got.arpTimes)) {
				if d := (want.arpTimes[i] - got.arpTimes[i]).Abs(); d > noise {
					t.Errorf("ARP %d comes %v after the first advert, keepalived's %v", i, got.arpTimes[i], want.arpTimes[i])
					break
				}
			}
		}))
	}
}

// transcript is what a daemon sent, as text, from its first advert on.
type transcript struct {
	adverts  []string // the kinds that occurred, in order of appearance
	arps     []string // every one
	arpTimes []time.Duration
	farewell []string
}

// watchFor is how long a master is listened to: past the second set of
// gratuitous ARPs, 5 s after the first by default, and off the beat of refreshes.
const watchFor = 6500 * time.Millisecond

func sent(t testing.TB, d lab.Daemon, conf string) transcript {
	t.Helper()
	n := directors(t, "bytes")
	p := n.start(n.a, d, conf)
	if !lab.WaitFor(generous, func() bool { return len(n.capture.Adverts(time.Time{})) > 0 }) {
		t.Fatalf("%s sends no advert", d.Name)
	}
	first := n.capture.Adverts(time.Time{})[0].At
	time.Sleep(time.Until(first.Add(watchFor)))
	stopped := time.Now()
	if _, err := p.Stop(generous); err != nil {
		t.Fatal(err)
	}
	lab.WaitFor(generous, func() bool { // for the capture, not for the daemon, which has ended
		list := n.capture.Adverts(stopped)
		return len(list) > 0 && list[len(list)-1].Priority == 0
	})
	time.Sleep(100 * time.Millisecond)
	var tr transcript
	seen := map[string]bool{}
	for _, a := range n.capture.Adverts(time.Time{}) {
		text := fmt.Sprintf("%x", normal(a.Frame))
		if a.Priority == 0 {
			tr.farewell = append(tr.farewell, text)
		} else if !seen[text] {
			seen[text] = true
			tr.adverts = append(tr.adverts, text)
		}
	}
	for _, m := range n.capture.ARPs(time.Time{}) {
		if m.Gratuitous() && m.At.Before(stopped) {
			tr.arps = append(tr.arps, fmt.Sprintf("%x", m.Frame))
			tr.arpTimes = append(tr.arpTimes, m.At.Sub(first))
		}
	}
	// Both families go through one queue, so that they may be told apart.
	for _, m := range n.capture.NAs(time.Time{}) {
		if m.Unsolicited() && m.At.Before(stopped) {
			tr.arps = append(tr.arps, fmt.Sprintf("%x", m.Frame))
			tr.arpTimes = append(tr.arpTimes, m.At.Sub(first))
		}
	}
	if len(tr.arps) == 0 {
		t.Fatalf("%s announces nothing", d.Name)
	}
	return tr
}

// normal is a frame without what may differ: the identification of the IPv4
// header, and the header's checksum, which covers it, or the flow label of
// IPv6, which is the kernel's; and, of IPv6 by unicast, the hop limit, which
// keepalived leaves at the system's 64. Hardware and source addresses are the
// same in both networks.
func normal(frame []byte) []byte {
	f := bytes.Clone(frame)
	if len(f) >= 54 && f[12] == 0x86 {
		f[15] &= 0xf0
		f[16], f[17] = 0, 0
		if f[14+24] != 0xff {
			f[14+7] = 0
		}
	} else if len(f) >= 34 {
		copy(f[18:20], []byte{0, 0})
		copy(f[24:26], []byte{0, 0})
	}
	return f
}
