package healthcheck

import (
	"context"
	"time"
)

// tcpCheck connects and closes; it sends nothing.
type tcpCheck struct{ dial *dialer }

func newTCP(c Config) (Check, error) {
	d, err := newDialer(c)
	if err != nil {
		return nil, err
	}
	return &tcpCheck{d}, nil
}

func (t *tcpCheck) Run(ctx context.Context) Result {
	began := time.Now()
	conn, err := t.dial.dial(ctx)
	took := time.Since(began)
	if err != nil {
		r := down("connect: %s", reason(err))
		r.Latency = took
		return r
	}
	conn.Close()
	return Result{Up: true, Weight: -1, Latency: took}
}
