package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
)

// TestLinkDelays sets a link down for shorter and for longer than
// interface_up_down_delays asks for, under both daemons.
func TestLinkDelays(t *testing.T) {
	lab.Require(t)
	var want, got []string
	retell(t, func() string {
		linkDelays(t, &want, &got)
		return cmp.Diff(want, got)
	})
	t.Logf("%s", strings.Join(got, "\n"))
}

// linkDelays is the story of both.
func linkDelays(t *testing.T, want, got *[]string) {
	t.Run("stories", func(t *testing.T) {
		for d, to := range map[*lab.Daemon]*[]string{pointer(theirs(t)): want, pointer(ours(t)): got} {
			t.Run(d.Name, patiently(func(t testing.TB) {
				n := directors(t, "delay")
				r := router{Version: 3, VRID: 93, Interval: time.Second, Priority: 200}
				s := begin(t, n, *d, r, "interface_up_down_delays {\n  eth0 1.2 0.5\n}\n")
				s.step("start", func() error { return nil })
				s.fifo.until(t, 2)
				s.seen = 2
				flap := func(state string, wait time.Duration) func() error {
					return func() error {
						_, err := n.a.Output(t.Context(), "ip", "link", "set", "eth0", state)
						time.Sleep(wait)
						return err
					}
				}
				s.step("down", flap("down", 400*time.Millisecond))
				s.step("and up again", flap("up", 0))
				s.step("down for longer", flap("down", 1400*time.Millisecond))
				s.step("up", flap("up", 0))
				*to = nil
				for _, line := range s.table {
					_, told, _ := strings.Cut(line, ", told ")
					name, _, _ := strings.Cut(line, ":")
					*to = append(*to, name+" "+told)
				}
				*to = (*to)[1:]
			}))
		}
	})
}

// TestLinkbeat takes the carrier away where the driver is asked for it.
func TestLinkbeat(t *testing.T) { inTurn(linkbeatRound)(t) }

func linkbeatRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "beat")
	r := router{Version: 3, VRID: 94, Interval: 200 * time.Millisecond, Priority: 200}
	head, rest, _ := strings.Cut(r.conf(), "vrrp_instance")
	n.start(n.a, ours(t), head+"linkbeat_interfaces {\n  eth0\n}\nvrrp_instance"+rest)
	n.holder(vip, "a", r.down()+2*time.Second+5*noise)
	_, v := status(t, n.a)
	if l := v.Tracked.Links; len(l) != 1 || l[0].Kind != "ETHTOOL" || !l[0].Up {
		t.Errorf("status: %+v", l)
	}
	if err := n.a.Cut(); err != nil {
		t.Fatal(err)
	}
	fault := func(want bool) func() bool {
		return func() bool {
			_, v := status(t, n.a)
			return (virtualRouter(t, v, "VI_1").State == "FAULT") == want
		}
	}
	if !lab.WaitFor(generous, fault(true)) {
		t.Error("no FAULT without a carrier")
	}
	if err := n.a.Restore(); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(generous, fault(false)) {
		t.Error("FAULT with a carrier")
	}
}
