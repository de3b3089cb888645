package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/internal/daemon/control"
)

func TestLost(t *testing.T) {
	status := func(vrrp, lvs string, missing ...string) *control.Status {
		return &control.Status{VRRP: json.RawMessage(vrrp), LVS: json.RawMessage(lvs), Missing: missing}
	}
	const (
		master = `{"instances":[{"name":"VI_1","state":"MASTER"},{"name":"VI_2","state":"BACKUP"}]}`
		fault  = `{"instances":[{"name":"VI_1","state":"FAULT","reason":"interface"}]}`
		beside = `{"instances":[{"name":"VI_1","state":"MASTER","vrid_mismatch":{"address":"192.0.2.2","virtual_router_id":15,"last_heard":"2026-01-02T03:04:05Z","now":true}}]}`
		yields = `{"instances":[{"name":"VI_1","state":"BACKUP"}]}`
		other  = `{"instances":[{"name":"VI_2","state":"FAULT"}]}`
		up     = `{"services":[{"name":"[192.0.2.10]:tcp:80","up":true}]}`
		busy   = `{"busy":{"with":"a reload","since":"2026-01-02T03:04:05Z","as_of":"2026-01-02T03:04:04Z"},"services":[{"name":"[192.0.2.10]:tcp:80","up":false}]}`
		busyUp = `{"busy":{"with":"a reload","since":"2026-01-02T03:04:05Z","as_of":"2026-01-02T03:04:04Z"},"services":[{"name":"[192.0.2.10]:tcp:80","up":true}]}`
		down   = `{"services":[{"name":"[192.0.2.10]:tcp:80","up":false,"weight":1,"quorum":2}]}`
	)
	ended := status(master, "", "lvs")
	ended.NotRunning = []control.NotRunning{{Role: "vrrp", Why: "another"}, {Role: "lvs", Why: "the kernel has no IPVS"}}
	tests := []struct {
		name          string
		before, after *control.Status
		want          string
	}{
		{"nothing", status(master, up), status(master, up), ""},
		{"mastership", status(master, up), status(fault, up), "VI_1 was MASTER and is FAULT"},
		{"one of two masters that yields", status(beside, up), status(yields, up), ""},
		{"one of two masters that fails", status(beside, up), status(fault, up), "VI_1 was MASTER and is FAULT"},
		{"the only master that yields", status(master, up), status(yields, up), "VI_1 was MASTER and is BACKUP"},
		{"mastership, and what causes that", status(master, up), status(`{"instances":[{"name":"VI_1","state":"WAITING","faults":["interface eht0 does not exist"]}]}`, up), "VI_1 was MASTER and is WAITING (interface eht0 does not exist)"},
		{"mastership without a reason", status(master, up), status(`{"instances":[{"name":"VI_1","state":"WAITING"}]}`, up), "VI_1 was MASTER and is WAITING"},
		{"a router that is gone, a backup that fails", status(master, ""), status(other, ""), ""},
		{"a quorum", status(master, up), status(master, down), "weight 1 of 2"},
		{"a service that was down", status(master, down), status(master, down), ""},
		{"what was so before the work that keeps it from saying how it is", status(master, up), status(master, busy), ""},
		{"the same, before the reload", status(master, busyUp), status(master, down), ""},
		{"a process that was busy before", status(master, busyUp), status(master, "", "lvs"), "no answer from lvs"},
		{"a process", status(master, up), status(master, "", "lvs"), "no answer from lvs"},
		{"a process that ended", status(master, up), ended, "lvs is not running: the kernel has no IPVS"},
		{"a process that had not answered before", status(master, "", "lvs"), status(master, "", "lvs"), ""},
		{"not understood", status(`"vrrp"`, `"lvs"`), status(fault, down), ""},
	}
	for _, tc := range tests {
		got := Hold(tc.before).Lost(tc.after)
		if (tc.want == "") != (len(got) == 0) || len(got) > 1 || tc.want != "" && !strings.Contains(got[0].Text, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	// What is there again, or not configured any more, is left out; what a process
	// holds that does not answer is not known.
	const backup = `{"instances":[{"name":"VI_1","state":"BACKUP"}]}`
	for _, tc := range []struct {
		name          string
		before, after *control.Status
		want          string // lost, when nothing is there later
	}{
		{"all is there", status(master, up), status(master, up), ""},
		{"none is", status(master, up), status(backup, down), "master VI_1, service [192.0.2.10]:tcp:80"},
		{"the service is", status(master, up), status(backup, up), "master VI_1"},
		{"the virtual router is", status(master, up), status(master, down), "service [192.0.2.10]:tcp:80"},
		{"a router that is gone", status(master, up), status(other, up), ""},
		{"all processes are gone", status(master, up), status("", ""), ""},
		{"no answer", status(master, up), status("", down, "vrrp"), "process vrrp, master VI_1, service [192.0.2.10]:tcp:80"},
		{"no answer before", status("", up, "vrrp"), status("", up, "vrrp"), ""},
	} {
		rest, some := Hold(tc.before).Rest(tc.after)
		var keys []string
		for _, l := range rest.Lost(status(backup, down, tc.after.Missing...)) {
			keys = append(keys, l.Key)
		}
		if got := strings.Join(keys, ", "); got != tc.want || some != (tc.want != "") {
			t.Errorf("%s: %q, some %t, want %q", tc.name, got, some, tc.want)
		}
	}

	// What was held at one of two times, or answered at one, is lost.
	both := Hold(status(fault, up, "vrrp")).And(Hold(status(master, down, "lvs")))
	if both.Masters() != 1 || both.Services() != 1 {
		t.Errorf("%+v", both)
	}
	var keys []string
	for _, l := range both.Lost(status(fault, down, "vrrp")) {
		keys = append(keys, l.Key)
	}
	if got := strings.Join(keys, ", "); got != "process vrrp, master VI_1, service [192.0.2.10]:tcp:80" {
		t.Error(got)
	}
}
