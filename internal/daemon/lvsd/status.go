package lvsd

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
)

const (
	// statusEvery is how long a status waits for the loop of the role before it says
	// what that is at work on, and how often it looks. The parent waits for 2 s.
	statusEvery = time.Second
	// statusLooks is how often a status is waited for longer while only the kernel's
	// figures are missing. Who asks the parent waits for 5 s.
	statusLooks = 3
	// lastKept is how long an answer is kept for when there is no newer one.
	lastKept = 10 * time.Minute
)

// last is the last whole answer to a status. A large one takes a few MiB, so it is
// not kept for ever.
type last struct {
	mu   sync.Mutex
	body json.RawMessage // nil: none
	at   time.Time
	drop *time.Timer
}

func (l *last) keep(body json.RawMessage, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body, l.at = body, at
	if l.drop == nil {
		l.drop = time.AfterFunc(lastKept, l.forget)
		return
	}
	l.drop.Reset(lastKept)
}

func (l *last) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) >= lastKept {
		l.body = nil
	}
}

// get is the answer that says what the process is busy with, and what it said last.
func (l *last) get(b lvs.Busy) (json.RawMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return json.Marshal(control.LVS{Busy: &control.Busy{Busy: b}, Status: lvs.Status{Services: []lvs.ServiceStatus{}}})
	}
	head, err := json.Marshal(struct {
		Busy control.Busy `json:"busy"`
	}{control.Busy{Busy: b, AsOf: l.at.Round(0)}})
	if err != nil {
		return nil, err
	}
	// Both are objects that have something in them: one of both is made of their texts.
	head[len(head)-1] = ','
	return append(head, l.body[1:]...), nil
}

// statuses answers those who ask for a status.
type statuses struct {
	last last
	ask  func(context.Context) (lvs.Status, error)
	busy func() *lvs.Busy
	out  func() notifier.Status
	post func(ipc.Message)
}

// status answers with what there is to show, whole, or if that takes its time, with
// what the role is at work on and what was so before. A role that is not at work, or
// whose work has not come on for answerLimit, hangs, and gives no answer.
func (s *statuses) status(id uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	whole := make(chan ipc.Message, 1)
	asked := time.Now()
	go func() {
		m := ipc.Message{Type: ipc.TypeStatus, ID: id}
		st, err := s.ask(ctx)
		if err == nil {
			m.Body, err = json.Marshal(control.LVS{Status: st, Notify: s.out()})
		}
		if err != nil {
			m.Err = err.Error()
		} else {
			s.last.keep(m.Body, asked) // it is of then, or of a later time
		}
		whole <- m
	}()
	look := time.NewTicker(statusEvery)
	defer look.Stop()
	for looks := 1; ; looks++ {
		select {
		case m := <-whole:
			s.post(m)
			return
		case <-look.C:
		}
		b := s.busy()
		switch {
		case b == nil || time.Since(b.CameOn) >= answerLimit:
		case b.Reading && looks < statusLooks:
			s.post(ipc.Message{Type: ipc.TypeAtWork, ID: id})
		default:
			m := ipc.Message{Type: ipc.TypeStatus, ID: id}
			var err error
			if m.Body, err = s.last.get(*b); err != nil {
				m.Err = err.Error()
			}
			s.post(m)
			<-whole // for who asks next
			return
		}
	}
}
