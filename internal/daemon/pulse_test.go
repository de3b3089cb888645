package daemon

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// heardLog is a log whose lines can be waited for.
type heardLog struct {
	mu   sync.Mutex
	text bytes.Buffer
	also io.Writer
}

func (l *heardLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.also != nil {
		l.also.Write(b)
	}
	return l.text.Write(b)
}

// has says how many lines have all these words.
func (l *heardLog) has(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
lines:
	for line := range strings.Lines(l.text.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

// wait waits until so many lines have these words.
func (l *heardLog) wait(t *testing.T, n int, words ...string) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); l.has(words...) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no line %q, %d times, in\n%s", words, n, l.text.String())
		}
	}
}

// A process that is stopped does not die: the log and the manager say that it
// does not answer, and that it does again.
func TestAProcessThatIsStoppedIsToldOf(t *testing.T) {
	d := newDaemon(t, "a")
	d.opts.Pulse = 100 * time.Millisecond
	var log, manager heardLog
	also := &testLog{out: t.Output()}
	t.Cleanup(also.close)
	log.also = also
	d.opts.Manager = func(state string) { fmt.Fprintf(&manager, "%q\n", state) }
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	d.run()
	d.story(role.VRRP, began("a"))
	pid := d.pidNow(role.VRRP, 0)
	kill := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	who := fmt.Sprintf("role=vrrp pid=%d", pid)
	silent := func(is bool) {
		t.Helper()
		d.status(func(s control.Status) bool { return s.Processes[0].SilentSince.IsZero() != is })
	}
	for n := 1; ; n++ {
		kill(syscall.SIGSTOP)
		silent(true)
		if log.has("level=ERROR", `msg="process does not answer"`, who, "stopped by a signal", fmt.Sprintf("kill -CONT %d", pid)) == 1 {
			break
		}
		// On a busy machine it may not have answered before it was stopped, which was
		// told of as something else.
		if n == 10 {
			t.Fatal("it is not said that it is stopped")
		}
		kill(syscall.SIGCONT)
		silent(false)
	}
	manager.wait(t, 1, "STATUS=not answering: vrrp")
	told := log.has("does not answer", who)
	time.Sleep(5 * d.opts.Pulse)
	if n := log.has("does not answer", who); n != told {
		t.Errorf("told %d times, then %d", told, n)
	}
	kill(syscall.SIGCONT)
	log.wait(t, told, `msg="process answers again"`, who)
	silent(false)
	manager.wait(t, 2, "STATUS=working: vrrp, lvs")
}

// The times of it, with one question under way at most.
func TestPulse(t *testing.T) {
	handsOver(t, func(h handingOver) {
		var log heardLog
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		h.vrrp.child = nil
		c := h.lvs.child
		c.cmd = &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}
		answer := func() { h.message(c, ipc.Message{Type: ipc.TypePulse, ID: c.pulse.id}) }
		asked := func(when string, want bool) {
			t.Helper()
			if got := c.pulse.id != 0; got != want {
				t.Errorf("%s: asked is %t", when, got)
			}
		}
		told := func(when string, silent, again int) {
			t.Helper()
			if s, a := log.has("does not answer"), log.has("answers again"); s != silent || a != again || c.pulse.silent.IsZero() != (s == a) {
				t.Errorf("%s: %d times silent, %d times again, want %d and %d; silent since %v", when, s, a, silent, again, c.pulse.silent)
			}
		}
		h.feelPulses()
		h.pass(pulseEvery - time.Millisecond)
		asked("too early", false)
		h.pass(time.Millisecond)
		for range 3 {
			asked("in time", true)
			h.message(c, ipc.Message{Type: ipc.TypePulse, ID: c.pulse.id + 1}) // to nobody's question
			asked("another answer", true)
			h.pass(pulseEvery - time.Millisecond)
			answer()
			asked("answered", false)
			h.pass(time.Millisecond)
		}
		told("in time", 0, 0)
		// At work on a large table.
		for range 3 {
			h.pass(pulseEvery - time.Millisecond)
			h.message(c, ipc.Message{Type: ipc.TypeAtWork, ID: c.pulse.id})
			h.pass(time.Millisecond)
		}
		told("at work", 0, 0)
		answer()
		h.pass(pulseEvery)
		asked("again", true)
		h.pass(pulseEvery)
		told("silent", 1, 0)
		h.pass(time.Hour)
		told("for long", 1, 0)
		answer()
		told("again", 1, 1)
		// A machine that was paused: the answer is there, and not read yet.
		h.pass(pulseEvery)
		asked("before the pause", true)
		time.Sleep(pulseEvery + 2*standstill)
		(<-h.events)()
		told("after a pause", 1, 1)
		h.pass(2 * pulseEvery)
		told("silent once more", 2, 1)
		// What is to stop has a limit of its own.
		answer()
		c.told = true
		h.pass(time.Hour)
		told("at a stop", 2, 2)
		asked("at a stop", false)
	})
}
