package notify

import (
	"context"
	"log/slog"
	"time"
)

// A reader that ends is started again after restartMin; the wait doubles up to
// restartMax as long as it ends within restartMax of its start.
const (
	restartMin = time.Second
	restartMax = time.Minute
)

// reader keeps the program at the other end of a FIFO running.
type reader struct {
	cmd   Command
	start Starter
	log   *slog.Logger
	quit  chan struct{} // closed: start it no more
	kill  chan struct{} // closed: stop it
	ended chan struct{}
}

// startReader makes the first start before it returns. A failure is logged and
// tried again, like an end.
func startReader(cmd Command, start Starter, log *slog.Logger) *reader {
	r := &reader{
		cmd: cmd, start: start, log: log.With("script", cmd.String()),
		quit: make(chan struct{}), kill: make(chan struct{}), ended: make(chan struct{}),
	}
	p, err := start(cmd)
	go r.run(p, err)
	return r
}

func (r *reader) run(p Program, err error) {
	defer close(r.ended)
	wait := restartMin
	for {
		began := time.Now()
		if err == nil {
			select {
			case <-p.Done():
			case <-r.kill:
				p.Stop()
				<-p.Done()
			}
			err = p.Err()
		}
		select {
		case <-r.quit:
			return
		default:
		}
		if time.Since(began) >= restartMax {
			wait = restartMin
		}
		r.log.Warn("reader of fifo ended, it is started again", "reason", reason(err), "wait", wait)
		select {
		case <-time.After(wait):
		case <-r.quit:
			return
		}
		wait = min(2*wait, restartMax)
		p, err = r.start(r.cmd)
	}
}

func reason(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// stop lets the reader end by itself until ctx ends or grace has passed, then
// stops it. It returns without waiting for a program that ignores that.
func (r *reader) stop(ctx context.Context, grace time.Duration) {
	close(r.quit)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-r.ended:
		return
	case <-t.C:
	case <-ctx.Done():
	}
	close(r.kill)
}
