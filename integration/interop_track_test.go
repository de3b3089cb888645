package integration

import (
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// tracked adds a check to a configuration: it succeeds while the file exists.
func tracked(conf, file, settings string) string {
	head, rest, _ := strings.Cut(conf, "vrrp_instance")
	return strings.Replace(head, "  enable_script_security\n", "", 1) +
		"vrrp_script alive {\n  script \"/usr/bin/test -e " + file + "\"\n  interval 1\n" + settings + "}\nvrrp_instance" + rest
}

// TestTrackedScript lets a check move the address away from the better machine
// and back, with each daemon in each place.
func TestTrackedScript(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name          string
		settings      string
		better, worse lab.Daemon
		during        string // holdfast's state as the better one while the check fails
	}{
		{"weight, holdfast checks", "  weight -80\n", us, them, "BACKUP"},
		{"weight, keepalived checks", "  weight -80\n", them, us, ""},
		{"fault, holdfast checks", "  fall 2\n  rise 2\n", us, them, "FAULT"},
		{"fault, keepalived checks", "  fall 2\n  rise 2\n", them, us, ""},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "track")
			file := n.a.Path("alive")
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			high := router{Version: 3, VRID: 76, Interval: 500 * time.Millisecond, Priority: 150, Extra: "  track_script {\n    alive\n  }\n"}
			low := router{Version: 3, VRID: 76, Interval: 500 * time.Millisecond, Priority: 100}
			n.start(n.b, c.worse, low.conf())
			n.start(n.a, c.better, tracked(high.conf(), file, c.settings))
			n.holder(vip, "a", low.down()+high.down()+2*time.Second+5*noise)
			settled := time.Now()

			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "b", 3*time.Second+low.down()+5*noise)
			moved := time.Now()
			if c.during != "" {
				_, v := status(t, n.a)
				in := virtualRouter(t, v, "VI_1")
				if in.State != c.during {
					t.Errorf("the state is %s, want %s", in.State, c.during)
				}
				if c.during == "BACKUP" && in.Priority.Effective != 70 {
					t.Errorf("the priority is %+v, want 150 - 80", in.Priority)
				}
				if len(in.Priority.Contributions) != 1 || in.Priority.Contributions[0].State != "down" {
					t.Errorf("the status does not show the failed check: %+v", in.Priority)
				}
			}
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "a", 3*time.Second+high.down()+5*noise)
			t.Logf("away %v and back %v after the file changed", moved.Sub(settled), time.Since(moved))
			if o := n.watch.Overlap(vip, settled); o > low.Interval+noise {
				t.Errorf("two holders for %v", o)
			}
		}))
	}
}
