package daemon

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"holdfast/internal/daemon/role"
)

// manager tells the service manager how the daemon does (sd_notify(3)). What it
// is told is sent in order, by a goroutine of its own: a manager that does not
// listen must not stop the daemon.
type manager struct {
	says chan string
	text string // STATUS, as it was said last
}

// managerQueue is how many states may wait for a manager that does not listen.
const managerQueue = 16

// newManager has tell called with every state; nil: nobody wants to know.
func newManager(tell func(state string)) *manager {
	if tell == nil {
		return nil
	}
	m := &manager{says: make(chan string, managerQueue)}
	go func() {
		for s := range m.says {
			tell(s)
		}
	}()
	return m
}

// say queues a state, which is all there is to say at that moment: where too many
// wait the oldest is left out, so that the last word is always the present one.
// Only the parent's loop says something.
func (m *manager) say(state, text string, more ...string) {
	if m == nil {
		return
	}
	m.text = text
	lines := make([]string, 0, 4)
	if state != "" {
		lines = append(lines, state)
	}
	lines = append(append(lines, more...), "STATUS="+text)
	for said := strings.Join(lines, "\n"); ; {
		select {
		case m.says <- said:
			return
		default:
		}
		select {
		case <-m.says:
		default: // it has just listened
		}
	}
}

// starting asks for the time that a startup_script may take, and the children
// after it.
func (m *manager) starting(takes time.Duration) {
	m.say("", "running startup_script", extend(takes))
}

func (m *manager) ready(text string) { m.say(daemon.SdNotifyReady, text) }

// works says how a daemon that is ready does, if that is news.
func (m *manager) works(text string) {
	if m != nil && m.text != text {
		m.ready(text)
	}
}

// meanwhile says how something goes on that has been told, if that is news.
func (m *manager) meanwhile(text string) {
	if m != nil && m.text != text {
		m.say("", text)
	}
}

// reloading must be followed by ready.
func (m *manager) reloading(text string) {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it always can
	m.say(daemon.SdNotifyReloading, text, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// stopping asks for the time that the stop may take.
func (m *manager) stopping(takes time.Duration) {
	m.say(daemon.SdNotifyStopping, "stopping", extend(takes))
}

// slack is what a slow machine may take for what has limits of its own.
const slack = 30 * time.Second

// extend asks for so much time from now on. What the unit gives (TimeoutStartSec,
// TimeoutStopSec) is the least in any case.
func extend(takes time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (takes + slack).Microseconds())
}

// close ends the goroutine; what was said last need not have arrived.
func (m *manager) close() {
	if m != nil {
		close(m.says)
	}
}

// tellReady says that the daemon is up and no reload is under way.
func (p *Parent) tellReady() {
	if p.up && !p.stopping {
		p.manager.ready(p.works())
	}
}

// tellReloading says that a reload has begun. A daemon that is not up yet starts
// still, for the manager too.
func (p *Parent) tellReloading() {
	if p.up {
		p.manager.reloading(p.reloads())
	}
}

// tellWorks says which processes work, if that is news.
func (p *Parent) tellWorks() {
	switch {
	case !p.up || p.stopping:
	case !p.reload.running || p.trial != nil && !p.trial.until.IsZero():
		p.manager.works(p.works())
	default:
		p.manager.meanwhile(p.reloads())
	}
}

// works says in a line which processes work, or which do not.
func (p *Parent) works() string {
	var work, fail, silent []string
	for _, s := range []*slot{p.vrrp, p.lvs} {
		switch {
		case !s.wanted:
		case !s.works():
			fail = append(fail, string(s.role))
		case !s.child.pulse.silent.IsZero():
			silent = append(silent, string(s.role))
		default:
			work = append(work, string(s.role))
		}
	}
	var wrong []string
	if fail != nil {
		wrong = append(wrong, "not working: "+strings.Join(fail, ", "))
	}
	if silent != nil {
		wrong = append(wrong, "not answering: "+strings.Join(silent, ", "))
	}
	switch {
	case wrong != nil:
		return strings.Join(wrong, "; ")
	case work != nil:
		return "working: " + strings.Join(work, ", ")
	}
	return "nothing to run"
}

// reloads says in a line what is to be known of a reload that is under way.
func (p *Parent) reloads() string {
	text := "reloading"
	if p.reload.atWork {
		text += ": lvs is at work on it"
	}
	if works := p.works(); strings.HasPrefix(works, "not ") {
		text += "; " + works
	}
	return text
}

// allWork reports whether all processes work that are wanted.
func (p *Parent) allWork() bool {
	return (!p.vrrp.wanted || p.vrrp.works()) && (!p.lvs.wanted || p.lvs.works())
}

// works reports whether there is a child that has said that it works.
func (s *slot) works() bool { return s.child != nil && s.child.ready }

// stopLimit is the longest that a stop takes.
func (p *Parent) stopLimit() time.Duration {
	return 2*p.childWait() + p.cfg.programs.shutdown.Timeout + 2*role.ScriptGrace
}
