package load_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/config/verdict"
)

// TestVerdicts holds our exit code of "keepalived -t" against that of 2.2.7.
func TestVerdicts(t *testing.T) {
	cases, err := verdict.All()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "k.conf")
	for _, c := range cases {
		if err := os.WriteFile(file, []byte(c.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := load.Load(file, load.Options{ConfigID: verdict.ConfigID, Users: true, Interfaces: func() map[string]bool {
			have := map[string]bool{}
			for _, name := range verdict.Interfaces {
				have[name] = true
			}
			return have
		}})
		if got := config.TestExit(diags); got != c.Exit {
			t.Errorf("exit code %d, keepalived gives %d: %s", got, c.Exit, c.Name)
			for _, d := range diags {
				t.Log(d, d.ID, d.Class)
			}
		}
		if c.Lines == nil {
			continue
		}
		if got, ok := sameLines(diags, c); !ok {
			t.Errorf("complaints in lines %v, keepalived's are in %v: %s", got, c.Lines, c.Name)
			for _, d := range diags {
				t.Log(d, d.ID, d.Class)
			}
		}
	}
}

// sameLines reports whether there is a finding in each line that keepalived
// complained about, and no complaint in others. Where keepalived says more
// without naming a line, or did not read on, there may be others.
func sameLines(diags []config.Diagnostic, c verdict.Case) (complaints []int, ok bool) {
	found := map[int]bool{}
	for _, d := range diags {
		found[d.Pos.Line] = true
		if d.Class != config.ClassNone && d.Pos.Line > 0 {
			complaints = append(complaints, d.Pos.Line)
		}
	}
	slices.Sort(complaints)
	complaints = slices.Compact(complaints)
	for _, line := range c.Lines {
		if line != 0 && !found[line] {
			return complaints, false
		}
	}
	for _, line := range complaints {
		if !slices.Contains(c.Lines, line) && !slices.Contains(c.Lines, 0) && c.Exit != 2 {
			return complaints, false
		}
	}
	return complaints, true
}
