package lvsd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
		err = p.takeOver(t.Context(), ipc.Message{Type: ipc.TypeConfig, ID: id, File: f})
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

// A large table can take the kernel minutes: a reload in that time is late, and
// has not failed.
func TestAReloadIsWaitedForWhileTheTableComesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var progress, told atomic.Int64
		ctx, cancel := patience(func() uint64 { return uint64(progress.Load()) }, func() { told.Add(1) })
		defer cancel()
		const pause = answerLimit - tellEvery
		for range 10 {
			time.Sleep(pause)
			progress.Add(1)
		}
		synctest.Wait()
		if n := told.Load(); ctx.Err() != nil || n < 9 || n > 10 {
			t.Fatalf("after 10 steps: %v, told %d times", context.Cause(ctx), n)
		}
		time.Sleep(answerLimit + 2*tellEvery)
		synctest.Wait()
		if err := context.Cause(ctx); !errors.Is(err, errStands) {
			t.Errorf("after a while without a step: %v", err)
		}
		if n := told.Load(); n != 10 {
			t.Errorf("told %d times of 10 steps", n)
		}
	})
}
