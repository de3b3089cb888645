package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// abs is the path of a file for programs that run elsewhere.
func abs(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSyncDump(t *testing.T) {
	holdfast, _ := programs(t)
	file := abs(t, "../../ipvs/sync/testdata/linux-6.1.pcapng")
	code, out, errs := run(t, holdfast, "sync", "dump", "-r", file, "--virtual", ":81", "--kind", "template", "--limit", "1")
	if code != 0 || !strings.Contains(out, "TCP template 192.0.2.99:0 -> 192.0.2.100:81 ->") || strings.Count(out, "\n") != 1 || !strings.Contains(errs, "192.0.2.1: sync id 7") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	code, out, errs = run(t, holdfast, "sync", "dump", "-r", file, "--json", "--count")
	var all struct {
		Summary struct {
			Shown   int
			Senders map[string]struct{ Messages int }
		}
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || errs != "" || all.Summary.Shown < 20 || all.Summary.Senders["192.0.2.1"].Messages < 2 {
		t.Errorf("%d %v\n%s%s", code, err, out, errs)
	}
	for says, args := range map[string]string{
		"exclude each other":      "-i eth0 -r x",
		"no such file":            "-r nothing.pcap",
		"not a capture file":      "-r " + abs(t, "sync_test.go"),
		"not a multicast address": "-r x --group 192.0.2.1",
		"no address, prefix":      "-r x --client nowhere",
		"want tcp, udp or sctp":   "-r x --protocol icmp",
		"want 1 to 65536":         "-r x --ports 0",
		"capture: interface nosuch0: no such network interfac": "-i nosuch0",
	} {
		if code, out, errs := run(t, holdfast, append([]string{"sync", "dump"}, strings.Fields(args)...)...); code != 1 || !strings.Contains(errs, says) {
			t.Errorf("%s: %d %s%s", args, code, out, errs)
		}
	}
}
