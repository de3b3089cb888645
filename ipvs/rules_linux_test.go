package ipvs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/ipvs"
	"holdfast/ipvs/rules"
)

// ours is what ipvsadm -S leaves out: lines and options that it reads.
var (
	ourLines   = regexp.MustCompile(`(?m)^--(set|start-daemon).*\n`)
	ourOptions = regexp.MustCompile(`(?m) -x \d+ -y \d+$`)
)

// ruleFiles compares package rules with ipvsadm in both directions: what one
// writes the other reads, and the same table comes of it.
func ruleFiles(t *testing.T, k ipvs.Kernel) {
	clean := func() {
		for _, r := range []ipvs.SyncRole{ipvs.SyncMaster, ipvs.SyncBackup} {
			_ = k.StopDaemon(r)
		}
		if err := k.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := k.SetTimeouts(ipvs.Timeouts{TCP: 900 * time.Second, TCPFin: 120 * time.Second, UDP: 300 * time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(clean)
	everything := func() rules.Rules {
		r := rules.Rules{Table: table(t, k)}
		var err error
		if r.Timeouts, err = k.Timeouts(); err != nil {
			t.Fatal(err)
		}
		if r.Daemons, err = k.Daemons(); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(r.Daemons, func(a, b ipvs.Daemon) int { return int(a.Role) - int(b.Role) })
		return r
	}
	ipvsadm := func(stdin, program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s\nof\n%s", program, args, err, out, stdin)
		}
		return string(out)
	}

	// ipvsadm 1.31 cannot write a server of another family than its service,
	// and Linux runs no daemon beside one.
	want := everyKind()
	for i := range want {
		want[i].Dests = slices.DeleteFunc(want[i].Dests, func(d ipvs.Destination) bool { return ipvs.FamilyOf(d.Addr) != want[i].Family })
		for j := range want[i].Dests { // ipvsadm replaces a port that has no effect
			if d := &want[i].Dests[j]; d.Method != ipvs.Masquerade {
				d.Port = want[i].Port
			}
		}
	}
	apply(t, k, ipvs.Plan(nil, want, nil)...)
	if err := k.SetTimeouts(ipvs.Timeouts{TCP: 100 * time.Second, TCPFin: 20 * time.Second, UDP: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	for _, d := range []ipvs.Daemon{
		{Role: ipvs.SyncMaster, Interface: "dummy0", SyncID: 7, MaxLen: 1400, Group: addr("224.0.0.82"), Port: 9000, TTL: 3},
		{Role: ipvs.SyncBackup, Interface: "dummy0", SyncID: 8},
	} {
		if err := k.StartDaemon(d); err != nil {
			t.Fatal(err)
		}
	}
	before := everything()
	ours := rules.Write(before)

	t.Run("written alike", func(t *testing.T) {
		got := ourOptions.ReplaceAllString(ourLines.ReplaceAllString(ours, ""), "")
		theirs := strings.Split(ipvsadm("", "ipvsadm", "-S", "-n"), "\n")
		mine := strings.Split(got, "\n")
		slices.Sort(theirs)
		slices.Sort(mine)
		if diff := cmp.Diff(theirs, mine); diff != "" {
			t.Errorf("(-ipvsadm +holdfast):\n%s", diff)
		}
	})
	t.Run("ipvsadm reads all of ours", func(t *testing.T) {
		clean()
		ipvsadm(ours, "ipvsadm-restore")
		if diff := cmp.Diff(ours, rules.Write(everything())); diff != "" {
			t.Errorf("(-written +after):\n%s", diff)
		}
	})
	t.Run("we read ipvsadm's", func(t *testing.T) {
		theirs := ipvsadm("", "ipvsadm", "-S", "-n")
		clean()
		r, errs := rules.Read(theirs, rules.Rules{}, rules.Names{})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		apply(t, k, ipvs.Plan(nil, r.Table, nil)...)
		if again := ipvsadm("", "ipvsadm", "-S", "-n"); again != theirs {
			t.Errorf("(-before +after):\n%s", cmp.Diff(theirs, again))
		}
	})
	t.Run("hand-written", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join("rules", "testdata", "hand.rules"))
		if err != nil {
			t.Fatal(err)
		}
		clean()
		ipvsadm(string(text), "ipvsadm-restore")
		theirs := rules.Write(everything())
		clean()
		r, errs := rules.Read(string(text), rules.Rules{}, rules.Names{})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		apply(t, k, ipvs.Plan(nil, r.Table, nil)...)
		if err := k.SetTimeouts(r.Timeouts); err != nil {
			t.Error(err)
		}
		for _, d := range r.Daemons {
			if err := k.StartDaemon(d); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff(theirs, rules.Write(everything())); diff != "" {
			t.Errorf("(-ipvsadm +holdfast):\n%s", diff)
		}
	})
}
