package daemon

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// startsLVS begins a reload that starts an lvs process, which is not there yet, and
// has the vrrp process take it over.
func (h handingOver) startsLVS() *child {
	h.t.Helper()
	c := &child{role: role.LVS, out: h.lvs.child.out, has: h.cfg.encoded[role.LVS], started: time.Now()}
	h.lvs.child = nil
	h.reloads()
	h.lvs.child = c // as the parent does when the other one has answered
	h.answer(h.vrrp, "")
	if !h.Parent.reload.running {
		h.t.Errorf("the reload is over before the process works that it started: %q", h.Parent.reload.failure)
	}
	return c
}

// A reload is done when the process that it started works.
func TestAReloadWaitsForTheProcessThatItStarts(t *testing.T) {
	handsOver(t, func(h handingOver) {
		c := h.startsLVS()
		h.pass(startLimit - time.Millisecond)
		if !h.Parent.reload.running {
			t.Error("the reload is over")
		}
		h.message(c, ipc.Message{Type: ipc.TypeAtWork}) // on the kernel's table
		h.pass(startLimit - time.Millisecond)
		if !h.Parent.reload.running {
			t.Error("the reload is over although the process is at work")
		}
		h.message(c, ipc.Message{Type: ipc.TypeReady})
		h.over("")
		h.pass(time.Hour) // nothing comes after it
		h.over("")
	})
}

// One that neither works nor ends fails the reload, until it does work.
func TestAReloadDoesNotWaitForEverForTheProcessThatItStarts(t *testing.T) {
	handsOver(t, func(h handingOver) {
		c := h.startsLVS()
		h.pass(startLimit)
		h.over("lvs: it was started 30s ago and does not work yet")
		h.message(c, ipc.Message{Type: ipc.TypeReady})
		h.over("")
	})
}

func TestAReloadSaysWhyTheProcessThatItStartsEnded(t *testing.T) {
	handsOver(t, func(h handingOver) {
		c := h.startsLVS()
		h.message(c, ipc.Message{Type: ipc.TypeEnds, Err: "lvs: the kernel has no IPVS"})
		h.lvs.away.ended(c, time.Now(), 101)
		h.startEnded(h.lvs, c)
		h.over("lvs: it ended with exit code 101 (the kernel has no IPVS)")

		c = h.startsLVS()
		h.stopping = true
		h.startEnded(h.lvs, c)
		h.over("lvs: the daemon stops")
	})
}

func TestAReloadSaysWhyAProcessCouldNotBeStarted(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.up = true
		h.opts.Program = "/nothing/here"
		h.spawn = newSpawner()
		defer h.spawn.close()
		h.lvs.child = nil
		h.reloads()
		h.answer(h.vrrp, "")
		h.over("lvs: it could not be started (start /nothing/here: fork/exec /nothing/here: no such file or directory)")
	})
}

// A process that did not run before a trial is not lost by it; the answer says that
// it still does not.
func TestAProcessThatDidNotRunBeforeIsNotLostByATrial(t *testing.T) {
	d := newDaemon(t, "a")
	d.set("a", true, false)
	d.says("MASTER")
	d.run()
	const why = "lvs: it ended with exit code "
	d.set("exit=101", true, true)
	var r control.Reload
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil || !strings.HasPrefix(r.Failure, why) {
		t.Errorf("%+v %v", r, err)
	}
	d.set("exit=101 b", true, true)
	if r := <-d.try(time.Second); r.Outcome != control.ReloadIncomplete || !strings.HasPrefix(r.Failure, why) {
		t.Errorf("%+v", r)
	}
	d.told(role.VRRP, "config exit=101 b other=true")
	// The one that brings it is a success.
	d.set("b", true, true)
	if r := <-d.try(time.Second); r.Failure != "" {
		t.Errorf("%+v", r)
	}
}

// A process that ends takes a trial back, however soon it is replaced.
func TestAProcessThatIsReplacedTakesATrialBack(t *testing.T) {
	d := newDaemon(t, "a")
	out := d.masterOnTrial("a")
	d.status(func(s control.Status) bool { return s.Config.Trial != nil && !s.Config.Trial.Until.IsZero() })
	syscall.Kill(d.pidNow(role.LVS, 0), syscall.SIGKILL)
	d.pidNow(role.LVS, 1)
	if r := <-out; r.Outcome != control.ReloadRolledBack || !strings.HasPrefix(r.Failure, "rolled back: lvs ") || !strings.HasSuffix(r.Failure, ": it was ended by SIGKILL") {
		t.Errorf("%+v", r)
	}
	d.told(role.VRRP, "config a other=true")
}
