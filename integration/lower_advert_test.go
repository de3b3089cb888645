package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestLowerAdvert has a master hear an advert of a lower priority once: it tells
// the segment again whose the address is, as often as is asked for, here and in
// keepalived.
func TestLowerAdvert(t *testing.T) { patiently(lowerAdvertRound)(t) }

func lowerAdvertRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "lower")
	stranger := n.host("stranger", "02:00:00:00:00:99", "192.0.2.99/24")
	cases := []struct {
		extra string
		want  int // announcements besides the one of the takeover
	}{
		{"", 10}, // 5 of them twice, whatever the instance's garp_master_repeat says
		{"  garp_lower_prio_repeat 3\n  garp_lower_prio_delay 0\n", 3},
		{"  garp_lower_prio_repeat 2\n  garp_lower_prio_delay 1\n", 4},
		{"  garp_lower_prio_repeat 0\n", 0},
	}
	type director struct {
		host *lab.Host
		d    lab.Daemon
		base int
	}
	pair := []director{{n.a, ours(t), 40}, {n.b, theirs(t), 50}}
	address := func(d director, i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(d.base + i)}) }
	for _, d := range pair {
		conf := ""
		for i, c := range cases {
			r := router{
				Version: 3, VRID: d.base + i, Interval: 200 * time.Millisecond, Priority: 150, VIPs: []string{address(d, i).String() + "/24"},
				Extra: "  garp_master_repeat 1\n  garp_master_delay 0\n" + c.extra,
			}
			if conf == "" {
				conf, _, _ = strings.Cut(r.conf(), "vrrp_instance")
			}
			conf += r.instance(fmt.Sprintf("VI_%d", i))
		}
		n.start(d.host, d.d, conf)
	}
	said := func(d director, i int) (count int) {
		for _, m := range n.capture.ARPs(time.Time{}) {
			if m.From == d.host.Name && m.Gratuitous() && m.SenderIP == address(d, i) {
				count++
			}
		}
		return count
	}
	all := func(more func(i int) int) (func() bool, func() string) {
		var have []string
		return func() bool {
			have = nil
			good := true
			for _, d := range pair {
				for i := range cases {
					got := said(d, i)
					have = append(have, fmt.Sprintf("%s %q: %d of %d", d.d.Name, cases[i].extra, got, 1+more(i)))
					good = good && got == 1+more(i)
				}
			}
			return good
		}, func() string { return strings.Join(have, "\n") }
	}
	once, have := all(func(int) int { return 0 })
	if !lab.WaitFor(generous, once) {
		t.Fatalf("each address is to be announced once:\n%s", have())
	}
	for _, d := range pair {
		for i := range cases {
			body := router{Version: 3, VRID: d.base + i, Interval: 200 * time.Millisecond}.advert(50)
			a := address(d, i).As4()
			copy(body[8:], a[:])
			if err := stranger.Do(forged{from: netip.MustParseAddr("192.0.2.99"), ttl: 255, body: body}.send); err != nil {
				t.Fatal(err)
			}
		}
	}
	again, have := all(func(i int) int { return cases[i].want })
	if !lab.WaitFor(generous, again) {
		t.Errorf("announced:\n%s", have())
	}
	time.Sleep(noise)
	if !again() {
		t.Errorf("and later:\n%s", have())
	}
}
