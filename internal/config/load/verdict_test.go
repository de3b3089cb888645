package load_test

import (
	"os"
	"path/filepath"
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
	}
}
