package daemon

import (
	"errors"
	"os"
	"time"

	"holdfast/internal/daemon/ipc"
)

// question is one that a child owes an answer to.
type question struct {
	child  *child
	answer func(ipc.Message, error)
	limit  time.Duration // for the answer, and anew each time it is said to be at work
	due    time.Time
	atWork bool
}

// What becomes of a question without an answer.
var (
	errGone = errors.New("the process ended before it answered")
	errLate = errors.New("the process did not answer in time")
)

// ask sends a question to the child of s; answer is called once, in the loop.
// An answer that says it failed is an error.
func (p *Parent) ask(s *slot, m ipc.Message, f *os.File, limit time.Duration, answer func(ipc.Message, error)) {
	if s.child == nil {
		if f != nil {
			f.Close()
		}
		answer(ipc.Message{}, errGone)
		return
	}
	p.nextID++
	id := p.nextID
	m.ID = id
	p.asked[id] = question{child: s.child, limit: limit, due: time.Now().Add(limit), answer: func(m ipc.Message, err error) {
		if err == nil && m.Err != "" {
			err = errors.New(m.Err)
		}
		answer(m, err)
	}}
	s.child.out.Post(m, f)
	p.awaitAnswer(id, limit)
}

// awaitAnswer ends the wait for an answer that has not come when it is due, which
// it is after d or later.
func (p *Parent) awaitAnswer(id uint64, d time.Duration) {
	p.after(d, func() {
		q, ok := p.asked[id]
		if !ok {
			return
		}
		if left := time.Until(q.due); left > 0 {
			p.awaitAnswer(id, left)
			return
		}
		delete(p.asked, id)
		q.answer(ipc.Message{}, errLate)
	})
}

// atWork gives a child that says it is at work on an answer its time anew.
func (p *Parent) atWork(c *child, id uint64) {
	q, ok := p.asked[id]
	if !ok || q.child != c {
		return
	}
	if !q.atWork {
		p.log.Info("the reload takes its time: the kernel's table is being written", "role", string(c.role))
	}
	if p.up && p.reload.running {
		p.manager.say("", "reloading: the kernel's table is being written", extend(q.limit))
	}
	q.atWork, q.due = true, time.Now().Add(q.limit)
	p.asked[id] = q
}

// unanswered answers what c will not answer any more.
func (p *Parent) unanswered(c *child) {
	for id, q := range p.asked {
		if q.child == c {
			delete(p.asked, id)
			q.answer(ipc.Message{}, errGone)
		}
	}
}
