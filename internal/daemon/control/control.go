// Package control is the local socket on which the daemon answers: one
// request, one answer, both JSON, and what the answer says.
package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"holdfast/internal/daemon/lvs"
)

// Request is one question. Command is "status", "reload", "config", "set" or
// "alive", which has an answer and no effect.
type Request struct {
	Command string `json:"command"`
	// NoWait makes "reload" answer when the reload has begun.
	NoWait bool `json:"no_wait,omitempty"`
	// Rollback makes "reload" take the new configuration back when mastership
	// or a quorum is lost within that time, ns; at most MaxRollback.
	Rollback time.Duration `json:"rollback,omitempty"`
	// Patience is how long "reload" waits beyond the usual for one that is on
	// trial, ns; at most MaxRollback.
	Patience time.Duration `json:"patience,omitempty"`
	// Set is what "set" is to set.
	Set *lvs.Ask `json:"set,omitempty"`
	// By is the client, as the kernel names it; nothing that it could say.
	By lvs.Author `json:"-"`
}

// Limit is how long the daemon may take for the answer.
func (r Request) Limit() time.Duration {
	if r.Command == "reload" && !r.NoWait {
		return ReloadLimit + min(r.Rollback, MaxRollback) + min(max(r.Patience, 0), MaxRollback)
	}
	return AnswerLimit
}

// Limits of a request, against a client that says too much or nothing.
const (
	maxRequest = 64 << 10
	readLimit  = 5 * time.Second
	// AnswerLimit is how long the daemon may take for an answer.
	AnswerLimit = 5 * time.Second
	// ReloadLimit is the same for a reload, which may have to wait for the one
	// before it, and for a kernel that takes minutes for a large table. Who does
	// not answer in it ends it much sooner.
	ReloadLimit = 10 * time.Minute
	// MaxRollback bounds how long a configuration is on trial.
	MaxRollback = time.Hour
)

// Serve answers requests on l until it is closed.
func Serve(l net.Listener, answer func(Request) (any, error)) {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of descriptors; try again
			continue
		}
		go serve(c, answer)
	}
}

type failure struct {
	Error string `json:"error"`
}

// failed is how a failure begins.
var failed = []byte(`{"error":`)

func serve(c net.Conn, answer func(Request) (any, error)) {
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(readLimit))
	var r Request
	var out any
	err := json.NewDecoder(io.LimitReader(c, maxRequest)).Decode(&r)
	if err == nil {
		r.By, err = client(c)
	}
	if err == nil {
		out, err = answer(r)
	}
	if err != nil {
		out = failure{err.Error()}
	}
	c.SetWriteDeadline(time.Now().Add(readLimit))
	// A client that went away is no concern of the daemon's.
	_ = json.NewEncoder(c).Encode(out)
}

// Ask puts one question to the daemon that listens at path and decodes its
// answer into v. One that listens and gives no sign of life within ten seconds is a
// *Silent, also where the answer itself may take longer.
func Ask(path string, r Request, v any) error {
	if r.Limit() > AnswerLimit {
		// Whatever it says, and be it that it does not know the question: it lives.
		if _, err := exchange(path, Request{Command: "alive"}); err != nil {
			return err
		}
	}
	b, err := exchange(path, r)
	if err != nil {
		return err
	}
	// An answer may be large: only what begins like a failure is read as one.
	var f failure
	if bytes.HasPrefix(b, failed) && json.Unmarshal(b, &f) == nil && f.Error != "" {
		return errors.New(f.Error)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("control socket %s: %w", path, err)
	}
	return nil
}

// plain is why a connection failed, for a person. Whoever asks has been told the
// path already.
func plain(err error) error {
	var number syscall.Errno
	switch {
	case !errors.As(err, &number):
		return err
	case number == syscall.ENOENT:
		return fmt.Errorf("%w: none runs, or with another socket (--control)", number)
	}
	return number
}

// exchange has the answer as it comes.
func exchange(path string, r Request) ([]byte, error) {
	c, err := net.DialTimeout("unix", path, readLimit)
	if full(err) {
		return nil, &Silent{}
	}
	if err != nil {
		return nil, fmt.Errorf("no daemon answers at %s: %w", path, plain(err))
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(r.Limit() + readLimit))
	if err = json.NewEncoder(c).Encode(r); err == nil {
		var b []byte
		if b, err = io.ReadAll(c); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("control socket %s: %w", path, silent(c, err))
}
