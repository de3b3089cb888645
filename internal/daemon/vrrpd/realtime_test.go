package vrrpd

import (
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
)

// policy is the scheduling policy of a thread (0: the calling one).
func policy(t *testing.T, tid int) uint32 {
	t.Helper()
	attr, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return attr.Policy
}

func needRealTime(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("HOLDFAST_REQUIRE") == "1" {
		t.Fatal("needs root")
	}
	t.Skip("needs root")
}

func TestOnlyThreadsThatAskAreRealTime(t *testing.T) {
	needRealTime(t)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTTIME, &before); err != nil {
		t.Fatal(err)
	}
	rt := realTime{log: slog.New(slog.DiscardHandler)}
	undo := rt.raise()
	tid := unix.Gettid()
	if got := policy(t, 0); got != unix.SCHED_FIFO {
		t.Errorf("policy %d, want SCHED_FIFO", got)
	}
	// Field 41 of proc_pid_stat(5) is the policy of a program started from here.
	out, err := exec.Command("cat", "/proc/self/stat").Output()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(out[strings.LastIndexByte(string(out), ')')+1:]))
	if fields[41-3] != "0" {
		t.Errorf("a program that was started has policy %s", fields[41-3])
	}
	other := make(chan int)
	go func() { // a second thread, and back
		undo := rt.raise()
		other <- unix.Gettid()
		<-other
		undo()
		other <- 0
	}()
	second := <-other
	if got := policy(t, second); got != unix.SCHED_FIFO || second == tid {
		t.Errorf("the second thread, %d beside %d, has policy %d", second, tid, got)
	}
	other <- 0
	<-other
	if got := policy(t, second); got != unix.SCHED_NORMAL {
		t.Errorf("the second thread has policy %d afterwards", got)
	}
	if got := policy(t, 0); got != unix.SCHED_FIFO {
		t.Errorf("the first has policy %d then", got)
	}
	undo()
	if got := policy(t, tid); got != unix.SCHED_NORMAL {
		t.Errorf("afterwards policy %d", got)
	}
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTTIME, &after); err != nil || after != before {
		t.Errorf("limit %v, before %v, %v", after, before, err)
	}
}

// Go's scheduler interrupts a thread that runs for long, which the kernel takes
// for a pause; what the kernel would send is sent here.
func TestAThreadThatRunsWildBecomesOrdinary(t *testing.T) {
	needRealTime(t)
	rt := realTime{log: slog.New(slog.DiscardHandler)}
	undo := rt.raise()
	defer undo()
	if err := unix.Kill(os.Getpid(), unix.SIGXCPU); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); policy(t, 0) == unix.SCHED_FIFO; time.Sleep(time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatal("still real-time")
		}
	}
}

// Every wake-up that is too late raises the priority by one, up to
// max_auto_priority; a reload without it takes that back.
func TestMaxAutoPriority(t *testing.T) {
	needRealTime(t)
	rt := realTime{log: slog.New(slog.DiscardHandler)}
	g := config.GlobalDefs{AutoPriority: config.AutoPriority{Max: 3, Delay: time.Millisecond}}
	rt.configure(&g)
	rt.late(time.Second) // no thread is real-time yet
	undo := rt.raise()
	defer undo()
	is := func(when string, want uint32) {
		t.Helper()
		a, err := unix.SchedGetAttr(0, 0)
		if err != nil || a.Policy != unix.SCHED_FIFO || a.Priority != want {
			t.Errorf("%s: %+v, %v, want priority %d", when, a, err, want)
		}
	}
	is("in the beginning", realTimePriority)
	rt.late(time.Microsecond)
	is("in time", realTimePriority)
	for n := range 5 {
		rt.late(time.Millisecond)
		is("late", min(realTimePriority+uint32(n)+1, 3))
	}
	rt.configure(&config.GlobalDefs{})
	is("without max_auto_priority", realTimePriority)
	rt.late(time.Second)
	is("late without it", realTimePriority)
}
