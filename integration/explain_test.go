package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/explain"
)

// TestExplainWarns has a keepalived on the segment that should not be there:
// explain names the mistake and the router that made it.
func TestExplainWarns(t *testing.T) {
	lab.Require(t)
	t.Parallel()
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name            string
		mine, neighbour router
		lint, says      string
	}{
		{
			"another owner",
			router{Priority: 255},
			router{Priority: 255},
			"two-owners", "192.0.2.2 says priority 255 too",
		},
		{
			"another virtual router",
			router{Priority: 100},
			router{Priority: 150, VIPs: []string{"192.0.2.200/24"}},
			"duplicate-vrid", "192.0.2.2 advertises none of our addresses: another virtual router on eth0 was given VRID 71",
		},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "explain")
			for _, r := range []*router{&c.mine, &c.neighbour} {
				r.Version, r.VRID, r.Interval = 3, 71, 200*time.Millisecond
			}
			n.start(n.a, us, c.mine.conf())
			n.holder(vip, "a", generous)
			n.start(n.b, them, strings.Replace(c.neighbour.conf(), "state BACKUP", "state MASTER", 1)) // says so, also as an equal
			var text string
			if !lab.WaitFor(generous, func() bool {
				x, now := explained(t, n.a)
				text = now
				return slices.ContainsFunc(x.Lints, func(l explain.Lint) bool { return l.ID == c.lint }) && strings.Contains(now, c.says)
			}) {
				t.Errorf("no %s that says %q:\n%s", c.lint, c.says, text)
			}
		}))
	}
}
