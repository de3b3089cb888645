package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// statusLimit is how long a child may take to say its status.
const statusLimit = 2 * time.Second

// listen opens the control socket, for root only, in place of one that a
// killed daemon left behind.
func (p *Parent) listen() (stop func(), err error) {
	path := p.opts.Control
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if st, err := os.Lstat(path); err == nil {
		if st.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("control socket: %s exists and is no socket", path)
		}
		// The pid file's lock says that none runs with our pid file, but one
		// with another may have been given the same socket.
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("control socket %s: another daemon listens there", path)
		}
		os.Remove(path)
	}
	mask := syscall.Umask(0o177) // nobody else may come in between bind and chmod
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	syscall.Umask(mask)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	go control.Serve(l, p.answer)
	return func() { l.Close() }, nil
}

var (
	errStopped = errors.New("the daemon has stopped")
	errTooBusy = errors.New("the daemon is too busy to answer")
)

// answer runs on a goroutine of the control socket.
func (p *Parent) answer(r control.Request) (any, error) {
	switch r.Command {
	case "alive":
		return struct{}{}, nil
	case "status":
		return wait(p, control.AnswerLimit, p.status)
	case "config":
		return wait(p, control.AnswerLimit, p.inForce)
	case "set":
		if r.Set == nil {
			return nil, errors.New("set: what is to be set is missing")
		}
		ask := *r.Set
		ask.By = r.By
		type reply struct {
			m   ipc.Message
			err error
		}
		m, err := ipc.New(ipc.TypeSet, ask)
		if err != nil {
			return nil, err
		}
		v, err := wait(p, control.AnswerLimit, func(answer func(reply)) {
			if !p.lvs.wanted {
				answer(reply{err: errors.New("the configuration has no virtual_server")})
				return
			}
			p.ask(p.lvs, m, statusLimit, func(m ipc.Message, err error) { answer(reply{m, err}) })
		})
		if err != nil {
			return nil, err
		}
		got := v.(reply)
		if errors.Is(got.err, errLate) {
			got.err = fmt.Errorf("%w; it has been told, and sets it when it goes on", got.err)
		}
		return got.m.Body, got.err
	case "reload":
		return wait(p, r.Limit(), func(answer func(control.Reload)) {
			if r.NoWait {
				answer(p.beginReload())
				return
			}
			if r.Rollback > 0 {
				p.tryReload(min(r.Rollback, control.MaxRollback), answer)
				return
			}
			p.askReload(answer)
		})
	}
	return nil, fmt.Errorf("unknown command %q", r.Command)
}

// inForce answers with the configuration in force.
func (p *Parent) inForce(answer func(control.InForce)) {
	file, err := filepath.Abs(p.opts.ConfigFile) // who asks may be elsewhere
	if err != nil {
		file = p.opts.ConfigFile
	}
	c := control.InForce{File: file, ConfigID: p.opts.ConfigID, Encoded: p.cfg.encoded[role.LVS], Services: true}
	if c.Encoded == nil {
		c.Encoded, c.Services = p.cfg.encoded[role.VRRP], false
	}
	answer(c)
}

// wait runs ask on the parent's loop and waits for the answer that it gives
// to its argument, once, at any time.
func wait[T any](p *Parent, limit time.Duration, ask func(answer func(T))) (any, error) {
	reply := make(chan T, 1)
	select {
	case p.events <- func() { ask(func(v T) { reply <- v }) }:
	case <-p.done:
		return nil, errStopped
	}
	select {
	case v := <-reply:
		return v, nil
	case <-p.done:
		return nil, errStopped
	case <-time.After(limit):
		return nil, errTooBusy
	}
}

// status gathers the status of all processes.
func (p *Parent) status(done func(control.Status)) {
	s := control.Status{
		Version: p.opts.Version, PID: os.Getpid(), Started: p.started,
		Program: p.opts.Program, Outdated: outdated(p.opts.Program, os.Getpid()),
		Config: control.Config{
			Files: p.cfg.files, Loaded: p.cfg.loaded,
			LastReload: p.reload.last, ReloadFailure: p.reload.failure, NotActive: slices.Concat(p.cfg.halved, p.cfg.notActive),
		},
		StartupScript: p.startupText(),
	}
	waiting := 1
	back := p.looksBack()
	answered := func() {
		if waiting--; waiting == 0 {
			slices.Sort(s.Missing)
			p.lookBack(back, &s)
			p.trialStatus(&s)
			done(s)
		}
	}
	for _, sl := range []*slot{p.vrrp, p.lvs} {
		if sl.child == nil {
			if sl.wanted && p.launched {
				missing(&s, sl, false)
			}
			continue
		}
		s.Processes = append(s.Processes, sl.describe(p.opts.Program))
		waiting++
		p.ask(sl, ipc.Message{Type: ipc.TypeStatus}, statusLimit, func(m ipc.Message, err error) {
			switch {
			case err != nil:
				missing(&s, sl, errors.Is(err, errLate))
			case sl == p.vrrp:
				s.VRRP = m.Body
			default:
				s.LVS = m.Body
			}
			answered()
		})
	}
	answered()
}
