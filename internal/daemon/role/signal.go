package role

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// HoldSignals keeps signals that mean nothing to this process from ending it. They are
// caught and not ignored: scripts would inherit that they are ignored, and a
// shell cannot undo it.
func HoldSignals(signals ...os.Signal) {
	signal.Notify(make(chan os.Signal, 1), signals...)
}

// UntilTerm returns a context that ends at the first SIGTERM, or when end is
// called. SIGTERM never ends the process by itself from then on, not even after
// end: when the parent dies, its stream ends and the kernel sends SIGTERM, in
// any order, and the second must not cut short what the first began.
func UntilTerm() (ctx context.Context, end context.CancelFunc) {
	ctx, end = context.WithCancel(context.Background())
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		end()
	}()
	return ctx, end
}
