package lvs

import (
	"context"
	"errors"
	"fmt"
)

// Worked returns when what was due in the kernel at the time of the call was
// done, whether or not it went well.
func (l *LVS) Worked(ctx context.Context) error {
	done := make(chan struct{})
	// What is posted by a function is done after the work of its round.
	l.inbox.post(func() { l.inbox.post(func() { close(done) }) })
	return l.wait(ctx, done)
}

// OnTurn has f called by the loop of Run when it comes round to it, if it does: f
// must not block.
func (l *LVS) OnTurn(f func()) { l.inbox.post(f) }

// Turn returns when the loop of Run has come round to it.
func (l *LVS) Turn(ctx context.Context) error {
	done := make(chan struct{})
	l.OnTurn(func() { close(done) })
	return l.wait(ctx, done)
}

// wait waits for done, which the loop of Run closes.
func (l *LVS) wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-l.ended:
		return errors.New("lvs: not running")
	case <-ctx.Done():
		return fmt.Errorf("lvs: %w", ctx.Err())
	}
}
