package integration

import (
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestHangingWeightedScript has a check hang that only bears a weight: the
// address moves to the other machine, and the daemon still answers. Then the
// check's program refuses to end at SIGTERM too.
func TestHangingWeightedScript(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, c := range []struct{ name, script string }{
		{"hangs", "/bin/sleep 1003"},
		{"ignores SIGTERM", "/bin/sh -c 'trap \\\"\\\" TERM; while :; do /bin/sleep 1; done'"},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "hang")
			high := router{Version: 3, VRID: 89, Interval: 250 * time.Millisecond, Priority: 150, Extra: "  track_script {\n    hang\n  }\n"}
			low := high
			low.Priority, low.Extra = 120, ""
			head, rest, _ := strings.Cut(high.conf(), "vrrp_instance")
			conf := head + "vrrp_script hang {\n  script \"" + c.script + "\"\n  interval 1\n  timeout 1\n  weight -50\n}\nvrrp_instance" + rest
			since := time.Now()
			p := n.start(n.a, us, conf)
			n.start(n.b, them, low.conf())
			n.holder(vip, "b", low.down()+4*time.Second+5*noise)
			// Several more rounds of the check change nothing.
			time.Sleep(4 * time.Second)
			n.holder(vip, "b", noise)
			st, v := status(t, n.a)
			in := virtualRouter(t, v, "VI_1")
			if in.State != "BACKUP" || in.Priority.Effective != 100 {
				t.Errorf("state %s, priority %+v, want BACKUP with 150 - 50", in.State, in.Priority)
			}
			if len(v.Scripts) != 1 || v.Scripts[0].TimedOut == 0 || v.Scripts[0].State != "down" {
				t.Errorf("the status does not show the script that hangs: %+v", v.Scripts)
			}
			if o := n.watch.Overlap(vip, since); o > high.Interval+noise {
				t.Errorf("two holders for %v", o)
			}
			// No heap of hanging programs: one at a time, and its shell's child.
			pids := n.a.Pids()
			if own := len(st.Processes) + 1; len(pids) > own+2 {
				t.Errorf("%d processes on the host, %d of them the daemon's: %v", len(pids), own, pids)
			}
			stopped := time.Now()
			if exit, err := p.Stop(generous); err != nil || exit != 0 {
				t.Errorf("stop: exit %d, %v", exit, err)
			}
			t.Logf("stopped within %v", time.Since(stopped))
			if !lab.WaitFor(generous, func() bool { return len(n.a.Pids()) == 0 }) {
				t.Errorf("processes left: %v", n.a.Pids())
			}
		}))
	}
}
