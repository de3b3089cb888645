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
	d.opts.pulse = 100 * time.Millisecond
	var log, manager heardLog
	also := &testLog{out: t.Output()}
	t.Cleanup(also.close)
	log.also = also
	d.opts.Manager = func(state string) { fmt.Fprintf(&manager, "%q\n", state) }
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	d.run()
	d.story(role.VRRP, began("a"))
	pid := d.pidNow(role.VRRP, 0)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	who := fmt.Sprintf("role=vrrp pid=%d", pid)
	log.wait(t, 1, "level=ERROR", `msg="process does not answer"`, who, "stopped by a signal", fmt.Sprintf("kill -CONT %d", pid))
	manager.wait(t, 1, "STATUS=not answering: vrrp")
	d.status(func(s control.Status) bool { return !s.Processes[0].SilentSince.IsZero() })
	told := log.has("does not answer", who)
	time.Sleep(5 * d.opts.pulse)
	if n := log.has("does not answer", who); n != told {
		t.Errorf("told %d times, then %d", told, n)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	log.wait(t, told, `msg="process answers again"`, who)
	d.status(func(s control.Status) bool { return s.Processes[0].SilentSince.IsZero() })
	manager.wait(t, 2, "STATUS=working: vrrp, lvs")
}

// The times of it, with one question under way at most.
func TestPulse(t *testing.T) {
	handsOver(t, func(h handingOver) {
		var log heardLog
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		c := h.lvs.child
		c.cmd = &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}
		pulse := func(list map[uint64]question) (id uint64) {
			for k, q := range list {
				if q.kind != ipc.TypePulse || id != 0 {
					t.Errorf("asked %+v", list)
				}
				id = k
			}
			return id
		}
		answer := func(id uint64) { h.message(c, ipc.Message{Type: ipc.TypePulse, ID: id}) }
		told := func(when string, silent, again int) {
			t.Helper()
			if s, a := log.has("does not answer", "for=5s"), log.has("answers again"); s != silent || a != again {
				t.Errorf("%s: %d times silent, %d times again, want %d and %d", when, s, a, silent, again)
			}
		}
		h.feelPulse(h.lvs, c)
		h.pass(pulseEvery - time.Millisecond)
		if len(h.asked) != 0 {
			t.Error("asked too early")
		}
		for range 3 {
			h.pass(time.Millisecond)
			h.pass(pulseLimit - time.Millisecond)
			answer(pulse(h.asked))
			h.pass(pulseEvery - time.Millisecond)
		}
		h.pass(time.Millisecond)
		h.pass(pulseLimit - time.Millisecond)
		told("in time", 0, 0)
		// At work on a large table.
		h.message(c, ipc.Message{Type: ipc.TypeAtWork, ID: pulse(h.asked)})
		h.pass(pulseLimit - time.Millisecond)
		told("at work", 0, 0)
		answer(pulse(h.asked))
		h.pass(pulseEvery + pulseLimit)
		told("silent", 1, 0)
		h.pass(time.Hour)
		told("for long", 1, 0)
		if len(h.asked) != 0 || c.silent.IsZero() {
			t.Errorf("asked are %v, silent since %v", h.asked, c.silent)
		}
		answer(pulse(h.overdue))
		told("again", 1, 1)
		if !c.silent.IsZero() || len(h.overdue) != 0 {
			t.Error("still silent")
		}
		// A machine that was paused: the answer is there, and not read yet.
		h.pass(pulseEvery)
		late := time.After(pulseLimit + 2*standstill)
		<-late
		(<-h.events)()
		told("after a pause", 1, 1)
		answer(pulse(h.asked))
		h.pass(pulseEvery + pulseLimit)
		told("silent once more", 2, 1)
		h.unanswered(c)
		if len(h.overdue) != 0 {
			t.Error("a process that is gone owes an answer")
		}
	})
}
