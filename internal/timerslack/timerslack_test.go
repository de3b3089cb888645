package timerslack

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// started is the slack that a program begins with that this thread starts.
func started(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("cat", "/proc/self/timerslack_ns").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// on does something as on a machine with n processors, in a thread of its own with the
// usual slack, which ends with it.
func on(t *testing.T, n int, do func()) {
	t.Helper()
	was := processors
	processors = n
	t.Cleanup(func() { processors = was })
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with us
		set(usual)
		do()
	}()
	<-done
}

func TestWhatIsStartedMeanwhileHasWideTimers(t *testing.T) {
	on(t, 1, func() {
		undo := Widen()
		if got := started(t); got != "4000001" {
			t.Errorf("started with slack %s", got)
		}
		undo()
		if got := started(t); got != "50000" {
			t.Errorf("afterwards started with slack %s", got)
		}
	})
}

// A process with wide timers starts programs that know nothing of that.
func TestProgramsHaveTheUsualTimers(t *testing.T) {
	on(t, 1, func() {
		Widen()
		Narrow()
		if got := started(t); got != "50000" {
			t.Errorf("started with slack %s", got)
		}
	})
}

func TestNothingIsWidened(t *testing.T) {
	for _, c := range []struct {
		name       string
		processors int
		before     uintptr
		want       string
	}{
		{"two processors", 2, usual, "50000"},
		{"another slack was chosen", 1, 100_000, "100000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			on(t, c.processors, func() {
				set(c.before)
				undo := Widen()
				if got := started(t); got != c.want {
					t.Errorf("started with slack %s", got)
				}
				undo()
				Narrow()
				if got := started(t); got != c.want {
					t.Errorf("afterwards started with slack %s", got)
				}
			})
		})
	}
}
