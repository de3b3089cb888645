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
	p.asked[id] = question{s.child, func(m ipc.Message, err error) {
		if err == nil && m.Err != "" {
			err = errors.New(m.Err)
		}
		answer(m, err)
	}}
	s.child.out.Post(m, f)
	p.after(limit, func() {
		if late, ok := p.asked[id]; ok {
			delete(p.asked, id)
			late.answer(ipc.Message{}, errLate)
		}
	})
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
