package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/daemon/control"
	"holdfast/ipvs"
)

// answering is the control socket of a daemon that answers so.
func answering(t *testing.T, answer func() (any, error)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go control.Serve(l, func(control.Request) (any, error) { return answer() })
	return path
}

func status(t *testing.T, text string) func() (any, error) {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatal(text)
	}
	return func() (any, error) { return json.RawMessage(text), nil }
}

func TestKeptByNobody(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: gone, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as a killed daemon leaves it
	l.Close()
	for name, socket := range map[string]string{
		"no socket":                 filepath.Join(t.TempDir(), "none.sock"),
		"nobody listens":            gone,
		"a daemon without services": answering(t, status(t, `{"processes":[{"role":"vrrp","pid":7}],"vrrp":{}}`)),
	} {
		k, err := keptBy(socket)
		if err != nil || k.Services != nil || k.Daemons || k.Timeouts {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
}

// TestKeptByWhom: a daemon that does not say what it keeps is not one that
// keeps nothing.
func TestKeptByWhom(t *testing.T) {
	rulesFile := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(rulesFile, []byte("-A -t 192.0.2.9:80\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, answer := range map[string]func() (any, error){
		"too busy":           func() (any, error) { return nil, errors.New("the daemon is too busy to answer") },
		"cannot unmarshal":   status(t, `["another", "program"]`),
		"did not answer":     status(t, `{"processes":[{"role":"vrrp"},{"role":"lvs"}],"missing":["lvs"]}`),
		"lvs process":        status(t, `{"processes":[{"role":"lvs"}],"lvs":null}`),
		"not started":        status(t, `{"startup_script":"running"}`),
		"busy with a reload": status(t, `{"processes":[{"role":"lvs"}],"lvs":{"busy":{"with":"a reload","since":"2026-01-02T03:04:05Z","as_of":"2026-01-02T03:04:04Z"},"services":[]}}`),
		"another version":    status(t, `{"processes":[{"role":"lvs"}],"lvs":{"services":7}}`),
	} {
		socket := answering(t, answer)
		if k, err := keptBy(socket); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", want, k, err)
		}
		// And restore does not begin.
		cmd := newIPVSRestore()
		cmd.SetArgs([]string{"--control", socket, rulesFile})
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--force") {
			t.Errorf("%s: restore: %v", want, err)
		}
	}
}

func TestKept(t *testing.T) {
	const text = `{"processes":[{"role":"lvs"}],"lvs":{"services":[{"name":"FWM 3"},{"name":"[g]:0","services":[{"name":"[192.0.2.1]:tcp:80"}]}]%s}}`
	for more, want := range map[string][2]bool{
		"": {}, `,"connection_sync":{"interface":"eth0"}`: {true, false}, `,"timeouts":{"tcp":60}`: {false, true},
	} {
		k, err := keptBy(answering(t, status(t, strings.Replace(text, "%s", more, 1))))
		if err != nil || k.Daemons != want[0] || k.Timeouts != want[1] {
			t.Fatalf("%s: %+v, %v", more, k, err)
		}
		if !k.Services(ipvs.MarkKey(ipvs.INET6, 3)) || k.Services(ipvs.MarkKey(ipvs.INET, 4)) {
			t.Error("other services than it has")
		}
	}
}
