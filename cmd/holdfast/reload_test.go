package main

import (
	"encoding/json"
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
}
