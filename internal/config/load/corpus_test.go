package load_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestCorpus compares the exit code for files found in the wild with the one
// of "keepalived -t". HOLDFAST_CORPUS names a folder with index.tsv: file,
// features, exit code, exit code with every interface there.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("HOLDFAST_CORPUS")
	if dir == "" {
		t.Skip("HOLDFAST_CORPUS is not set")
	}
	f, err := os.Open(filepath.Join(dir, "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	total, same := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		col := strings.Split(lines.Text(), "\t")
		if len(col) < 4 || col[0] == "file" {
			continue
		}
		want, err := strconv.Atoi(col[3])
		if err != nil {
			t.Fatal(err)
		}
		_, diags := load.Load(filepath.Join(dir, col[0]), load.Options{ConfigID: "test", Users: true})
		total++
		if got := config.TestExit(diags); got != want {
			t.Logf("%s (%s): exit code %d, keepalived gives %d", col[0], col[1], got, want)
			for _, d := range diags {
				if d.Class != config.ClassNone || testing.Verbose() && d.Severity == config.Error {
					t.Log("   ", d, d.Class)
				}
			}
			continue
		}
		same++
	}
	t.Logf("%d of %d exit codes are keepalived's", same, total)
	if same*10 < total*9 {
		t.Errorf("only %d of %d exit codes are keepalived's", same, total)
	}
}
