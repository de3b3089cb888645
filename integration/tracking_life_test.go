package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestTrackingLives has a sync group follow a file, a process and an interface
// from a TOML file, through a killed vrrp process, reloads and the stop.
func TestTrackingLives(t *testing.T) { patiently(trackingLivesRound)(t) }

func trackingLivesRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "life")
	p := sleepers{path: copyOf(t, "/bin/sleep")}
	defer p.endAll()
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	number := n.a.Path("number")
	conf := func(weight int) []byte {
		return []byte(fmt.Sprintf(`
[global_defs]
vrrp_version = 3
[track_file.load]
file = %q
init_file = { value = 3, overwrite = true }
[vrrp_track_process.prog]
process = [%q]
[vrrp_instance.VI_1]
interface = "eth0"
virtual_router_id = 97
priority = 100
advert_int = 0.2
virtual_ipaddress = ["192.0.2.100/24"]
track_process = ["prog weight 7"]
[vrrp_instance.VI_2]
interface = "eth0"
virtual_router_id = 98
priority = 90
advert_int = 0.2
virtual_ipaddress = ["192.0.2.101/24"]
[vrrp_sync_group.G]
group = ["VI_1", "VI_2"]
sync_group_tracking_weight = true
track_file = [{ name = "load", weight = %d }]
track_interface = ["eth0", "lo weight 1"]
`, number, filepath.Base(p.path), weight))
	}
	path := n.a.Path("t.toml")
	if err := os.WriteFile(path, conf(2), 0o644); err != nil {
		t.Fatal(err)
	}
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := n.a.Start(lab.Spec{Args: []string{prog, "run", "-f", path}})
	if err != nil {
		t.Fatal(err)
	}
	sends := func(what string, one, two uint8) {
		t.Helper()
		since := time.Now()
		if !lab.WaitFor(generous, func() bool {
			a, ok1 := n.capture.Last("a", 97)
			b, ok2 := n.capture.Last("a", 98)
			return ok1 && ok2 && a.Priority == one && b.Priority == two && a.At.After(since) && b.At.After(since)
		}) {
			_, v := status(t, n.a)
			t.Fatalf("%s: not %d and %d: %+v", what, one, two, v)
		}
	}
	sends("start", 114, 97) // 100 + 3×2 + 7 + 1, 90 + 3×2 + 1
	if err := replace(number, "5"); err != nil {
		t.Fatal(err)
	}
	sends("file", 118, 101)

	vrrp := 0
	st, _ := status(t, n.a)
	for _, c := range st.Processes {
		if c.Role == "vrrp" {
			vrrp = c.PID
		}
	}
	if vrrp == 0 {
		t.Fatalf("no vrrp process in %+v", st.Processes)
	}
	if err := syscall.Kill(vrrp, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	sends("another vrrp process", 111, 101) // the file was not made anew
	n.holder(vip, "a", 5*time.Second)

	if c := n.reloadWith(daemon, path, conf(-4)); c.ReloadFailure != "" {
		t.Fatal(c.ReloadFailure)
	}
	sends("another weight", 81, 71)
	if c := n.reloadWith(daemon, path, []byte(strings.Replace(string(conf(-4)), `track_process = ["prog weight 7"]`, "", 1))); c.ReloadFailure != "" {
		t.Fatal(c.ReloadFailure)
	}
	_, v := status(t, n.a)
	if len(v.Tracked.Processes) != 0 || len(v.Tracked.Files) != 1 || v.Tracked.Files[0].Number != 5 {
		t.Errorf("after the reload: %+v", v.Tracked)
	}
	if err := replace(number, "100"); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(generous, func() bool {
		_, v := status(t, n.a)
		return len(v.Groups) == 1 && v.Groups[0].State == "FAULT" && virtualRouter(t, v, "VI_2").State == "FAULT"
	}) {
		t.Error("a product of -400 is no FAULT of the group")
	}
	out, err := n.a.Output(t.Context(), prog, "status")
	if err != nil || !strings.Contains(out, "track_file load: 100") || !strings.Contains(out, "file load") {
		t.Errorf("status: %v\n%s", err, out)
	}
	if exit, err := daemon.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	if _, err := os.Stat(number); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}
