package lvsd

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// Configurations that wait for each other in a process come to their turn in
// any order: the last one that was sent has to stay.
func TestAConfigurationDoesNotComeAfterANewerOne(t *testing.T) {
	var p process
	take := func(id uint64) error {
		t.Helper()
		f, err := os.Create(filepath.Join(t.TempDir(), "boot")) // and nothing in it
		if err != nil {
			t.Fatal(err)
		}
		err = p.takeOver(ipc.Message{Type: ipc.TypeConfig, ID: id, File: f})
		if f.Close() == nil {
			t.Errorf("%d: its file stays open", id)
		}
		return err
	}
	for _, c := range []struct {
		id         uint64
		superseded bool
	}{{7, false}, {6, true}, {8, false}, {7, true}} {
		if err := take(c.id); err == nil || errors.Is(err, role.ErrSuperseded) != c.superseded {
			t.Errorf("%d: %v", c.id, err)
		}
	}
}
