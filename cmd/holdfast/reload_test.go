package main

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
)

// TestReloadSaysWhatItWaitsForAndWatches asks a daemon that only answers.
func TestReloadSaysWhatItWaitsForAndWatches(t *testing.T) {
	holdfast, _ := programs(t)
	after := json.RawMessage(nil) // what the vrrp process says after a reload
	ask := func(t *testing.T, st control.Status, args ...string) (request control.Request, stdout, stderr string) {
		socket := filepath.Join(t.TempDir(), "a.sock")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		asked := make(chan control.Request, 1)
		go control.Serve(l, func(r control.Request) (any, error) {
			switch r.Command {
			case "status":
				return st, nil
			case "alive":
				return struct{}{}, nil
			}
			asked <- r
			if after != nil {
				st.VRRP = after
			}
			return control.Reload{Outcome: control.ReloadDone}, nil
		})
		_, stdout, stderr = run(t, holdfast, append([]string{"reload", "--control", socket}, args...)...)
		select {
		case request = <-asked:
		case <-time.After(30 * time.Second):
			t.Fatal("no reload asked for")
		}
		return request, stdout, stderr
	}
	contains := func(t *testing.T, got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	tried := control.Status{Config: control.Config{Trial: &control.Trial{Until: time.Now().Add(30 * time.Minute)}}}
	r, _, errs := ask(t, tried)
	contains(t, errs, "reload: waits for the one on trial until ")
	if r.Patience < 20*time.Minute || r.Limit() < r.Patience {
		t.Errorf("%+v: it gives up before the trial is over", r)
	}
	if _, _, errs := ask(t, tried, "-q"); errs != "" {
		t.Error(errs)
	}
	backup := control.Status{
		VRRP:   json.RawMessage(`{"instances":[{"name":"VI_1","state":"BACKUP"}]}`),
		LVS:    json.RawMessage(`{"services":[{"name":"a","up":true}]}`),
		Config: control.Config{Lost: &control.Lost{At: time.Now(), What: []string{"VI_1 was MASTER and is BACKUP"}}},
	}
	r, out, errs := ask(t, backup, "--rollback", "20s", "--json")
	contains(t, errs, "reload: on trial for 20s: watched are 0 masters, 0 backups, 1 service and the processes\n")
	contains(t, errs, "reload: VI_1 was MASTER and is BACKUP, since the trial that was taken back at ")
	contains(t, out, `"outcome": "in-force"`)
	if strings.Contains(errs, "would have taken") {
		t.Error(errs)
	}
	if r.Patience != 0 || r.Rollback != 20*time.Second {
		t.Errorf("%+v", r)
	}

	// What is not known is not counted.
	busy := `{"busy":{"with":"a reload","since":` + fmt.Sprintf("%q", time.Now().Add(-2*time.Hour).Format(time.RFC3339)) + `%s},"services":[{"name":"a","up":true}]}`
	for _, asOf := range []string{"", `,"as_of":"2026-01-02T03:04:04Z"`} {
		_, _, errs = ask(t, control.Status{VRRP: backup.VRRP, LVS: json.RawMessage(fmt.Sprintf(busy, asOf))}, "--rollback", "20s")
		contains(t, errs, "reload: on trial for 20s: watched are 0 masters, 0 backups and the processes\n")
		contains(t, errs, "reload: lvs is busy with a reload for 2h0m")
		contains(t, errs, "s: services are not watched, as how they are is not known\n")
	}
	_, _, errs = ask(t, control.Status{
		Missing: []string{"lvs", "vrrp"}, NotRunning: []control.NotRunning{{Role: "lvs", Why: "exit code 101"}},
	}, "--rollback", "20s")
	contains(t, errs, "reload: on trial for 20s: watched are the processes\n")
	contains(t, errs, "reload: no answer from vrrp: virtual routers are not watched, as how they are is not known\n")
	contains(t, errs, "reload: lvs is not running: exit code 101: services are not watched, as how they are is not known\n")
	if _, _, errs := ask(t, control.Status{Missing: []string{"lvs"}}, "--rollback", "20s", "-q"); errs != "" {
		t.Error(errs)
	}

	_, _, errs = ask(t, control.Status{Missing: []string{"vrrp"}, LVS: backup.LVS}, "--rollback", "20s")
	contains(t, errs, "reload: on trial for 20s: watched are 1 service and the processes\n")

	// The file is in force, and the kernel has not all of it.
	refused := control.Status{LVS: json.RawMessage(`{"kernel":{"error":"add service A twos: no scheduler\nadd service B twos: no scheduler"},"connection_sync":{"problem":"interface eth9: not found"}}`)}
	_, out, errs = ask(t, refused)
	contains(t, out, "reloaded\n")
	contains(t, errs, "reload: the kernel refuses a part, and is asked again: add service A twos: no scheduler; add service B twos: no scheduler\n")
	contains(t, errs, "reload: lvs_sync_daemon does not work: interface eth9: not found\n")
	if _, _, errs := ask(t, refused, "-q"); errs != "" {
		t.Error(errs)
	}
	// One reason is told once, and one from before the reload is none.
	refused.LVS = json.RawMessage(`{"kernel":{"error":"interface eth9: not found"},"connection_sync":{"problem":"interface eth9: not found"}}`)
	if _, _, errs := ask(t, refused); errs != "reload: lvs_sync_daemon does not work: interface eth9: not found\n" {
		t.Error(errs)
	}
	refused.LVS = json.RawMessage(`{"busy":{"with":"a reload","since":"2026-01-02T03:04:05Z"},"kernel":{"error":"add service A twos: no scheduler"}}`)
	if _, _, errs := ask(t, refused); errs != "" {
		t.Error(errs)
	}

	// A reload follows the file; what that gives up is said.
	master := control.Status{VRRP: json.RawMessage(`{"instances":[{"name":"VI_1","state":"MASTER"}]}`)}
	after = json.RawMessage(`{"instances":[{"name":"VI_1","state":"WAITING","faults":["interface eht0 does not exist"]}]}`)
	const lost = "reload: VI_1 was MASTER and is WAITING (interface eht0 does not exist); holdfast reload --rollback 30s would have taken that back\n"
	if _, out, errs := ask(t, master); out != "reloaded\n" || errs != lost {
		t.Errorf("%q %q", out, errs)
	}
	if _, _, errs := ask(t, master, "-q"); errs != "" {
		t.Error(errs)
	}
	// A trial was held, and is no advice any more.
	if _, out, errs := ask(t, master, "--rollback", "20s"); out != "reloaded\n" || strings.Contains(errs, "would have taken") {
		t.Errorf("%q %q", out, errs)
	}
}
