package proc

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What programs leave behind is reaped where it becomes our child, and our own
// programs are left to those who wait for them.
func TestOrphansAreReaped(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil { // as process 1 is
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	stop := ReapOrphans()
	defer stop()
	for range 5 {
		if err := exec.Command("sh", "-c", "(sleep 0.1) & (setsid sleep 0.1) & exit 0").Run(); err != nil {
			t.Fatal(err)
		}
	}
	// A leader that is dead while its group is still to be killed.
	p, err := Start(Spec{Args: []string{"(trap '' TERM; sleep 60; sleep 60) & sleep 60"}, Shell: true, Timeout: 100 * time.Millisecond, KillAfter: 2500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-p.Gone():
			// One that was killed just now may still be about to die, and be left to
			// the next test.
			if len(children(t, false)) == 0 {
				if !p.Result().TimedOut {
					t.Errorf("its result: %v", p.Result())
				}
				return
			}
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("children are left: %v, of which are dead: %v", children(t, false), deadChildren())
		}
	}
}

// One that is ours stays for who waits for it, however long it is dead.
func TestOurOwnAreNotReapedAsOrphans(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	for deadline := time.Now().Add(60 * time.Second); !slices.Contains(deadChildren(), pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not end")
		}
	}
	p := &Process{pid: pid}
	p.enlist()
	for range 3 {
		if left := reapOrphans(map[int]bool{pid: true}); left[pid] {
			t.Error("it counts as an orphan")
		}
	}
	running.mu.Lock()
	delete(running.set, p)
	running.mu.Unlock()
	if err := cmd.Wait(); err != nil {
		t.Errorf("it was reaped by somebody else: %v", err)
	}
}
