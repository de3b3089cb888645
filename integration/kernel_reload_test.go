package integration

import (
	"slices"
	"strings"
	"testing"

	"holdfast/integration/lab"
)

// sortedState is everything that a daemon may install, in no order: a reload
// leaves what stays where it is.
func sortedState(t testing.TB, h *lab.Host) string {
	t.Helper()
	var lines []string
	for _, args := range [][]string{
		{"addr", "show", "dev", "eth0"},
		{"addr", "show", "dev", "eth1"},
		{"-4", "route", "show", "table", "all"},
		{"-6", "route", "show", "table", "all"},
		{"-4", "rule"},
		{"-6", "rule"},
	} {
		for line := range strings.Lines(cmd(t, h, append([]string{"ip", "-o", "-d"}, args...)...)) {
			if strings.Contains(line, "fe80:") || strings.Contains(line, " ff00::/8 ") || strings.Contains(line, " proto kernel ") {
				continue
			}
			line = listingNoise.ReplaceAllString(line, "")
			// Which address of a subnet is the first one depends on when they came.
			lines = append(lines, strings.Join(strings.Fields(strings.ReplaceAll(line, " secondary", "")), " ")+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// TestReloadOfKernelState takes a master from one generated configuration to the
// next: each time the kernel has the addresses, routes and rules, with all of
// their options, that a start with it gives.
func TestReloadOfKernelState(t *testing.T) { patiently(reloadOfKernelStateRound)(t) }

func reloadOfKernelStateRound(t testing.TB) {
	lab.Require(t, "ip")
	l := lab.Test(t, "kernelreload")
	us := ours(t)
	stays, fresh := kernelHost(t, l, "a"), kernelHost(t, l, "b")
	before := sortedState(t, stays)
	start := func(h *lab.Host, conf string) *lab.Process {
		t.Helper()
		p, err := h.StartDaemon(us, "keepalived.conf", conf)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var master *lab.Process
	for seed := range uint64(4) {
		// The kernel numbers these by what is there already.
		conf := strings.NewReplacer("    from 10.9.9.9 table 109\n", "", "    from 10.9.9.8 table 109\n", "").Replace(generated(seed))
		p := start(fresh, conf)
		if master == nil {
			master = start(stays, conf)
		} else if err := writeAndReload(stays, master, conf); err != nil {
			t.Fatal(err)
		}
		var is, want string
		if !lab.WaitFor(generous, func() bool {
			want, is = sortedState(t, fresh), sortedState(t, stays)
			return is == want && strings.Contains(is, " 192.0.2.10/24 ")
		}) {
			t.Fatalf("configuration %d:\n%s\na reload in place of a start (- start, + reload):\n%s\n%s", seed, conf, lineDiff(want, is), master.LogEnd())
		}
		if code, err := p.Stop(generous); err != nil || code != 0 {
			t.Fatalf("stop: %d %v", code, err)
		}
	}
	if code, err := master.Stop(generous); err != nil || code != 0 {
		t.Fatalf("stop: %d %v", code, err)
	}
	if after := sortedState(t, stays); after != before {
		t.Errorf("left behind after the stop:\n%s", lineDiff(before, after))
	}
}
