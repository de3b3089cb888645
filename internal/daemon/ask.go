package daemon

import (
	"errors"
	"time"

	"holdfast/internal/daemon/ipc"
)

// question is one that a child owes an answer to.
type question struct {
	child  *child
	answer func(ipc.Message, error)
	// belated hears, once, of an answer that comes after errLate, or after one that
	// says that a configuration could not be taken over or is not in force yet, unless
	// the process ends before; nil: nobody does.
	belated func(error)
	typ     string
	limit   time.Duration // for the answer, and anew each time it is said to be at work
	due     time.Time
	atWork  bool
}

// What becomes of a question without an answer.
var (
	errGone = errors.New("the process ended before it answered")
	errLate = errors.New("the process did not answer in time")
)

// ask sends a question to the child of s; answer is called once, in the loop.
// An answer that says it failed is an error.
func (p *Parent) ask(s *slot, m ipc.Message, limit time.Duration, answer func(ipc.Message, error)) {
	if s.child == nil {
		answer(ipc.Message{}, errGone)
		return
	}
	m.ID = p.expect(question{child: s.child, typ: m.Type, answer: answer, limit: limit})
	s.child.out.Post(m, nil)
}

// expect waits for the answer to a question that is sent, or will be, with the ID that
// it returns.
func (p *Parent) expect(q question) (id uint64) {
	p.nextID++
	id = p.nextID
	q.due = time.Now().Add(q.limit)
	p.asked[id] = q
	p.awaitAnswer(id, q.limit)
	return id
}

// awaitAnswer ends the wait for an answer that has not come when it is due, which
// it is after d or later. A parent that stood still itself waits once more: the answer
// may be there and not be read yet.
func (p *Parent) awaitAnswer(id uint64, d time.Duration) {
	begun := time.Now()
	p.after(d, func() {
		q, ok := p.asked[id]
		if !ok {
			return
		}
		if time.Since(begun) > d+standstill {
			q.due = time.Now().Add(q.limit)
			p.asked[id] = q
		}
		if left := time.Until(q.due); left > 0 {
			p.awaitAnswer(id, left)
			return
		}
		delete(p.asked, id)
		if q.belated != nil {
			p.overdue[id] = q
		}
		q.answer(ipc.Message{}, errLate)
	})
}

// answered takes an answer.
func (p *Parent) answered(c *child, m ipc.Message) {
	var err error
	if m.Err != "" {
		err = errors.New(m.Err)
	}
	var again bool // a configuration that is not in force yet
	if err == nil || m.Decode(&again) != nil || !again {
		defer p.handsFree(c, m.ID)
	}
	if q, ok := p.asked[m.ID]; ok && q.child == c {
		delete(p.asked, m.ID)
		if err != nil && q.belated != nil {
			p.overdue[m.ID] = q
		}
		q.answer(m, err)
		return
	}
	if q, ok := p.overdue[m.ID]; ok && q.child == c {
		delete(p.overdue, m.ID)
		q.belated(err)
	}
}

// atWork gives a child that says it is at work on an answer its time anew.
func (p *Parent) atWork(c *child, id uint64) {
	if id == c.handed && c.waits.id != 0 {
		id = c.waits.id // its turn comes next
	}
	q, ok := p.asked[id]
	if !ok || q.child != c {
		return
	}
	if q.typ == ipc.TypeStatus {
		q.due = time.Now().Add(q.limit)
		p.asked[id] = q
		return
	}
	if !q.atWork {
		p.log.Info("the reload takes its time: the process is at work on it", "role", string(c.role))
	}
	if p.reload.running {
		p.reload.atWork = true
		p.extendReload(q.limit)
	}
	q.atWork, q.due = true, time.Now().Add(q.limit)
	p.asked[id] = q
}

// extendReload asks the manager for the time that a reload may take from now on.
func (p *Parent) extendReload(takes time.Duration) {
	if p.up {
		p.manager.say("", p.reloads(), extend(takes))
	}
}

// forget has nobody hear of late answers of c.
func (p *Parent) forget(c *child) {
	for id, q := range p.overdue {
		if q.child == c {
			delete(p.overdue, id)
		}
	}
}

// unanswered answers what c will not answer any more.
func (p *Parent) unanswered(c *child) {
	for id, q := range p.asked {
		if q.child == c {
			delete(p.asked, id)
			q.answer(ipc.Message{}, errGone)
		}
	}
	p.forget(c)
}
