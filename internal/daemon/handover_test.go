package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// handingOver is a parent, in virtual time, whose children hear nothing: the
// test answers for them.
type handingOver struct {
	*Parent
	t *testing.T
}

// handsOver runs f with a parent that hands over.
func handsOver(t *testing.T, f func(handingOver)) {
	synctest.Test(t, func(t *testing.T) {
		enc, err := role.Encode(&config.Config{})
		if err != nil {
			t.Fatal(err)
		}
		p := &Parent{
			log: quiet(), events: make(chan func(), 64), done: make(chan struct{}), asked: map[uint64]question{}, overdue: map[uint64]question{},
			cfg:      &running{encoded: map[role.Role]role.Encoded{role.VRRP: enc, role.LVS: enc}},
			launched: true, settled: func() {},
		}
		for _, s := range []**slot{&p.vrrp, &p.lvs} {
			out := ipc.NewMailbox(nil, nil)
			defer out.Close()
			*s = &slot{wanted: true, child: &child{out: out, ready: true}}
		}
		p.vrrp.role, p.lvs.role = role.VRRP, role.LVS
		defer close(p.done)
		f(handingOver{p, t})
	})
}

// pass lets time pass, with the parent's loop running.
func (h handingOver) pass(d time.Duration) {
	end := time.After(d)
	for {
		select {
		case f := <-h.events:
			f()
		case <-end:
			for synctest.Wait(); len(h.events) > 0; synctest.Wait() {
				(<-h.events)()
			}
			return
		}
	}
}

// reloads begins a reload.
func (h handingOver) reloads() {
	h.Parent.reload.running = true
	h.handOver()
}

// asks says which processes owe an answer.
func (h handingOver) asks(when, want string) {
	h.t.Helper()
	var list []string
	for _, s := range []*slot{h.lvs, h.vrrp} {
		for _, q := range h.asked {
			if q.child == s.child {
				list = append(list, string(s.role))
			}
		}
	}
	if got := strings.Join(list, " "); got != want {
		h.t.Errorf("%s: asked are %q, want %q", when, got, want)
	}
}

// answer answers what s was asked.
func (h handingOver) answer(s *slot, failure string) {
	h.t.Helper()
	h.answerOf(h.asked, s, failure)
}

// late answers what s was asked too late.
func (h handingOver) late(s *slot, failure string) {
	h.t.Helper()
	h.answerOf(h.overdue, s, failure)
}

func (h handingOver) answerOf(list map[uint64]question, s *slot, failure string) {
	h.t.Helper()
	for id, q := range list {
		if q.child == s.child {
			if old := s.child.handed; old != id { // one that it has not answered yet comes first
				h.message(s.child, ipc.Message{Type: ipc.TypeConfig, ID: old})
			}
			h.message(s.child, ipc.Message{Type: ipc.TypeConfig, ID: id, Err: failure})
			return
		}
	}
	h.t.Errorf("%s was not asked", s.role)
}

// atWork has the lvs process say that it is at work on what it was asked.
func (h handingOver) atWork() {
	h.t.Helper()
	for id, q := range h.asked {
		if q.child == h.lvs.child {
			h.message(h.lvs.child, ipc.Message{Type: ipc.TypeAtWork, ID: id})
			return
		}
	}
	h.t.Error("lvs was not asked")
}

// over checks that the reload has ended.
func (h handingOver) over(failure string) {
	h.t.Helper()
	if h.Parent.reload.running || h.Parent.reload.failure != failure {
		h.t.Errorf("running %t, failure %q, want %q", h.Parent.reload.running, h.Parent.reload.failure, failure)
	}
}

func TestTheLVSProcessIsHandedTheConfigurationFirst(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.reloads()
		h.asks("at first", "lvs")
		h.answer(h.lvs, "no room")
		h.asks("after its answer", "vrrp")
		h.pass(headStart) // which must not hand it over again
		h.asks("after the head start", "vrrp")
		h.answer(h.vrrp, "no such interface")
		h.over("lvs: no room; vrrp: no such interface")
	})
}

// Writing a large table can take the lvs process longer than any limit.
func TestAnLVSProcessAtWorkIsWaitedFor(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.reloads()
		h.pass(headStart)
		h.answer(h.vrrp, "")
		for range 3 {
			h.pass(lvsLimit - headStart - time.Millisecond)
			h.atWork()
			h.asks("at work", "lvs")
		}
		h.pass(lvsLimit - time.Millisecond)
		h.asks("before the last limit", "lvs")
		h.answer(h.lvs, "")
		h.over("")

		h.reloads()
		h.pass(headStart)
		h.answer(h.vrrp, "")
		h.atWork()
		h.message(h.vrrp.child, ipc.Message{Type: ipc.TypeAtWork, ID: h.nextID}) // of nobody's question
		h.pass(lvsLimit)
		h.over("lvs: " + errLate.Error())
	})
}

// The vrrp process must not hang on an lvs process that hangs.
func TestAnLVSProcessThatDoesNotAnswerHasAHeadStartOnce(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.reloads()
		h.pass(headStart - time.Millisecond)
		h.asks("before the end of the head start", "lvs")
		h.pass(time.Millisecond)
		h.asks("at its end", "lvs vrrp")
		h.answer(h.vrrp, "")
		h.pass(lvsLimit - headStart - time.Millisecond)
		h.asks("before the limit", "lvs")
		h.pass(time.Millisecond)
		h.over("lvs: " + errLate.Error())

		h.reloads()
		h.asks("the next time", "lvs vrrp")
		h.answer(h.vrrp, "")
		h.answer(h.lvs, "")
		h.over("")

		h.reloads()
		h.asks("when it answers again", "lvs")
	})
}

func TestAnAnswerAfterTheHeadStartCounts(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.reloads()
		h.pass(2 * headStart)
		h.answer(h.lvs, "")
		if !bytes.Equal(h.lvs.child.has, h.cfg.encoded[role.LVS]) {
			t.Error("what the lvs process has is not known")
		}
		h.asks("after it", "vrrp")
		h.answer(h.vrrp, "")
		h.over("")
		h.reloads()
		h.asks("at the next reload", "lvs")
	})
}

// What is said of a reload is what holds now: a configuration that is taken over
// late is in force.
func TestAReloadThatIsLateIsDone(t *testing.T) {
	handsOver(t, func(h handingOver) {
		var log heardLog
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		h.vrrp.child.ready, h.lvs.child.ready = true, true
		done := func(n int) {
			t.Helper()
			if got := log.has("level=INFO", "msg=reloaded"); got != n {
				t.Errorf("logged %d times that it is done, want %d", got, n)
			}
		}
		tooLate := func() {
			h.t.Helper()
			h.reloads()
			h.pass(headStart + vrrpLimit)
			h.over("lvs: " + errLate.Error() + "; vrrp: " + errLate.Error())
		}
		tooLate()
		h.late(h.vrrp, "")
		h.over("lvs: " + errLate.Error())
		done(0)
		h.late(h.lvs, "")
		h.over("")
		done(1)
		if h.lvs.child.late || h.lvs.child.has.ID() != h.cfg.encoded[role.LVS].ID() {
			t.Error("it is not known that the lvs process has it and answers")
		}

		// One that refuses it late has not taken it over, and one that says that it
		// stands, and then that it is in force, has.
		tooLate()
		h.late(h.lvs, "no room")
		h.over("lvs: " + errLate.Error() + "; vrrp: " + errLate.Error())
		h.reloads()
		h.answer(h.lvs, "the kernel hangs")
		h.answer(h.vrrp, "")
		h.over("lvs: the kernel hangs")
		h.late(h.lvs, "")
		h.over("")
		done(2)

		// An answer to an older one says nothing of the present one.
		tooLate()
		h.reloads()
		if len(h.overdue) != 0 {
			t.Errorf("late answers are of use: %v", h.overdue)
		}
		h.answer(h.lvs, "")
		h.answer(h.vrrp, "no such interface")
		h.over("vrrp: no such interface")

		// Nor has a late one to do with a refused one after it.
		tooLate()
		h.Parent.reload.running = true
		h.refuse(errors.New("a brace"))
		h.late(h.vrrp, "")
		h.late(h.lvs, "")
		h.over("refused, the running configuration stays: a brace")

		// A successor begins with the one in force.
		h.reloads()
		h.answer(h.lvs, "")
		h.unanswered(h.vrrp.child)
		h.over("vrrp: " + errGone.Error() + "; its successor starts with the new configuration")
		h.vrrp.child = &child{out: h.vrrp.child.out, has: h.cfg.encoded[role.VRRP]}
		h.message(h.vrrp.child, ipc.Message{Type: ipc.TypeReady})
		h.over("")

		// A trial that was taken back is over, and stays one that was.
		h.reloads()
		h.Parent.trial = &trial{why: "VI_1 was MASTER"}
		h.pass(headStart + vrrpLimit)
		h.over("rolled back: VI_1 was MASTER; and that failed: lvs: " + errLate.Error() + "; vrrp: " + errLate.Error())
		h.late(h.vrrp, "")
		h.late(h.lvs, "")
		h.over("rolled back: VI_1 was MASTER")
	})
}

func TestNothingIsHandedOverWhenTheDaemonStops(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.reloads()
		h.Parent.stopping = true
		h.pass(headStart)
		h.asks("after the head start", "lvs")
		h.answer(h.lvs, "")
		h.over("vrrp: the daemon stops")
	})
}

// A process that has another configuration than the parent believes cannot make
// use of a change.
func TestAChangeThatTheLVSProcessCannotUseIsFollowedByTheWhole(t *testing.T) {
	d := start(t, "a forget")
	d.story(role.LVS, began("a forget"), "peer")
	d.set("b", true, true)
	var r control.Reload
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil || r.Failure != "" {
		t.Error(err, r.Failure)
	}
	d.story(role.LVS, began("a forget"), "peer", "boot: boot record: it is a change of a configuration that is not here", "config b other=true")
}

// sent counts the configurations that were sent to the child at the other end.
func sent(t *testing.T, other *os.File) (n int) {
	t.Helper()
	synctest.Wait()
	oob := make([]byte, 1<<10)
	for b := make([]byte, 1<<16); ; {
		_, m, _, _, err := unix.Recvmsg(int(other.Fd()), b, oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		if err != nil {
			return n
		}
		list, err := unix.ParseSocketControlMessage(oob[:m])
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			fds, err := unix.ParseUnixRights(&list[i])
			if err != nil {
				t.Fatal(err)
			}
			for _, fd := range fds {
				n++
				unix.Close(fd)
			}
		}
	}
}

// A process that is stopped would else have one more configuration of megabytes to
// read with each reload.
func TestAProcessThatHasNotAnsweredIsHandedTheNewestOnly(t *testing.T) {
	handsOver(t, func(h handingOver) {
		mine, theirs, err := ipc.Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		conn, err := ipc.FromFile(mine)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := h.lvs.child
		c.out.Redirect(conn)
		next := func() uint64 {
			t.Helper()
			enc, err := role.Encode(&config.Config{Global: config.GlobalDefs{RouterID: fmt.Sprint(h.nextID)}})
			if err != nil {
				t.Fatal(err)
			}
			h.cfg.encoded[role.LVS] = enc
			h.reloads()
			h.answer(h.vrrp, "")
			h.pass(headStart + lvsLimit)
			h.over("lvs: " + errLate.Error())
			return enc.ID()
		}
		h.reloads()
		h.pass(headStart)
		h.answer(h.vrrp, "")
		h.pass(lvsLimit)
		first := h.nextID - 1 // of lvs
		newest := uint64(0)
		for range 3 {
			newest = next()
		}
		if n := sent(t, theirs); n != 1 {
			t.Errorf("%d configurations were sent before it answered", n)
		}

		// It goes on: what it says to the first is no news, and then it gets the last.
		h.message(c, ipc.Message{Type: ipc.TypeConfig, ID: first})
		h.over("lvs: " + errLate.Error())
		if n := sent(t, theirs); n != 1 {
			t.Errorf("%d configurations were sent after it", n)
		}
		h.late(h.lvs, "")
		h.over("")
		if c.has.ID() != newest {
			t.Error("it is not known that it has the newest")
		}

		// While it is at work on the one before, a reload waits for it.
		h.reloads()
		h.pass(headStart)
		h.answer(h.vrrp, "")
		h.pass(lvsLimit)
		working := h.nextID - 1
		h.reloads()
		h.answer(h.vrrp, "")
		for range 3 {
			h.pass(lvsLimit - time.Millisecond)
			h.message(c, ipc.Message{Type: ipc.TypeAtWork, ID: working})
		}
		h.message(c, ipc.Message{Type: ipc.TypeConfig, ID: working})
		h.asks("when it has done with the one before", "lvs")
		if n := sent(t, theirs); n != 2 {
			t.Errorf("%d configurations were sent", n)
		}
		h.answer(h.lvs, "")
		h.over("")
	})
}

// What an lvs process whose kernel hangs is handed with each reload would stay in its
// memory until the kernel answers, which may be never.
func TestAProcessWhoseTableStandsIsHandedTheNewestOnly(t *testing.T) {
	handsOver(t, func(h handingOver) {
		c := h.lvs.child
		h.reloads()
		first := c.handed
		h.message(c, ipc.Message{Type: ipc.TypeConfig, ID: first, Err: "it stands", Body: []byte("true")})
		h.answer(h.vrrp, "")
		h.over("lvs: it stands")
		for range 3 {
			h.reloads()
			h.pass(headStart)
			h.answer(h.vrrp, "")
			if c.handed != first {
				t.Fatalf("handed %d while %d is not in force", c.handed, first)
			}
			h.pass(lvsLimit)
			h.over("lvs: " + errLate.Error())
		}
		newest := c.waits.id
		h.message(c, ipc.Message{Type: ipc.TypeConfig, ID: first})
		if c.handed != newest || newest == 0 {
			t.Errorf("handed %d, want the newest, %d", c.handed, newest)
		}
		h.late(h.lvs, "")
		h.over("")
	})
}

// A machine that was paused for longer than a status may take: the answer is there, and
// not read yet.
func TestAStatusIsWaitedForAfterAStandstill(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.vrrp.child, h.vrrp.wanted = nil, false
		h.lvs.child.cmd = &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}
		var got *control.Status
		h.Parent.status(func(s control.Status) { got = &s })
		time.Sleep(statusLimit + 2*standstill)
		(<-h.events)()
		if got != nil {
			t.Fatalf("at once after it: missing %v", got.Missing)
		}
		h.pass(statusLimit - time.Millisecond)
		h.answer(h.lvs, "")
		if got == nil || len(got.Missing) > 0 {
			t.Fatalf("its answer does not count: %+v", got)
		}

		got = nil
		h.Parent.status(func(s control.Status) { got = &s })
		time.Sleep(statusLimit + 2*standstill)
		h.pass(statusLimit)
		if got == nil || !slices.Equal(got.Missing, []string{"lvs"}) {
			t.Errorf("one that does not answer after it either: %+v", got)
		}
	})
}

// A status of a large table may take longer than statusLimit to be put together.
func TestAStatusThatIsWorkedAtIsWaitedFor(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.vrrp.child = nil
		h.vrrp.wanted = false
		h.lvs.child.cmd = &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}
		var got *control.Status
		h.Parent.reload.running = true
		h.Parent.status(func(s control.Status) { got = &s })
		for range 3 {
			h.pass(statusLimit - time.Millisecond)
			h.atWork()
		}
		if got != nil {
			t.Fatalf("answered: missing %v", got.Missing)
		}
		if h.Parent.reload.atWork {
			t.Error("the reload counts as worked at")
		}
		h.pass(statusLimit)
		if got == nil || !slices.Equal(got.Missing, []string{"lvs"}) {
			t.Errorf("one that comes on no more: %+v", got)
		}
	})
}
