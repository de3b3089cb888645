package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/integration/lab"
)

// subject is a daemon under measurement.
type subject struct {
	name string // with its version
	prog string
}

// pair is two directors on one segment, of which a is to be master.
type pair struct {
	load  load
	lab   *lab.Lab
	a, b  *director
	watch *lab.Watch
}

type director struct {
	host   *lab.Host
	daemon lab.Daemon
	conf   string
	proc   *lab.Process
	pids   []int
}

// newPair starts two directors and waits until one of them is master.
func newPair(s subject, l load) (_ *pair, err error) {
	p := &pair{load: l}
	if p.lab, err = lab.New("bench"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	segs := make([]*lab.Segment, max(l.ifaces, 1))
	for i := range segs {
		if segs[i], err = p.lab.Segment(fmt.Sprintf("lan%d", i)); err != nil {
			return nil, err
		}
	}
	if p.a, err = p.director(segs, s, "a", 1, masterPriority); err != nil {
		return nil, err
	}
	if p.b, err = p.director(segs, s, "b", 2, backupPriority); err != nil {
		return nil, err
	}
	if p.watch, err = p.lab.Watch(p.a.host, p.b.host); err != nil {
		return nil, err
	}
	// One after the other: starting 255 routers twice at once is another test.
	if err := p.a.start(); err != nil {
		return nil, err
	}
	if err := p.wait(p.a, [2]int{l.addresses(), 0}); err != nil {
		return nil, err
	}
	if err := p.b.start(); err != nil {
		return nil, err
	}
	return p, p.settle()
}

func (p *pair) director(segs []*lab.Segment, s subject, name string, n, priority int) (*director, error) {
	h, err := p.lab.Host(name)
	if err != nil {
		return nil, err
	}
	for i, seg := range segs {
		mac, addr := fmt.Sprintf("02:00:00:00:%02x:%02x", i, n), fmt.Sprintf("192.0.2.%d/28", 16*i+n)
		if err := h.Plug(seg, p.load.iface(i), mac, addr); err != nil {
			return nil, err
		}
	}
	prog := h.Path("keepalived")
	if err := copyFile(prog, s.prog); err != nil {
		return nil, err
	}
	d := lab.Daemon{Name: s.name, Prog: prog, Args: []string{"-n", "-l", "-G", "-f"}}
	return &director{host: h, daemon: d, conf: p.load.conf(priority)}, nil
}

func copyFile(to, from string) error {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (d *director) start() error {
	var err error
	d.proc, err = d.host.StartDaemon(d.daemon, "keepalived.conf", d.conf)
	return err
}

// settle waits until a holds every address and b none, and keeps it so.
func (p *pair) settle() error {
	if err := p.wait(p.a, [2]int{p.load.addresses(), 0}); err != nil {
		return err
	}
	p.a.pids, p.b.pids = p.a.proc.Tree(), p.b.proc.Tree()
	return p.watch.Err()
}

// wait waits until a and b hold so many addresses and for a while no others;
// d is asked for its log when that does not come.
func (p *pair) wait(d *director, want [2]int) error {
	limit := 4*p.load.bound() + 20*time.Second
	calm := max(300*time.Millisecond, 10*p.load.interval/8)
	since := time.Time{}
	ok := lab.WaitFor(limit, func() bool {
		time.Sleep(15 * time.Millisecond)
		if p.holders() != want {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) >= calm
	})
	if !ok {
		h := p.holders()
		return fmt.Errorf("%s, %s: not settled after %v: %d addresses on the master, %d on the backup\n%s",
			d.daemon.Name, p.load.name, limit, h[0], h[1], d.proc.LogEnd())
	}
	return nil
}

// holders counts the virtual addresses on a and on b.
func (p *pair) holders() (n [2]int) {
	for i, d := range []*director{p.a, p.b} {
		n[i], _ = p.watch.Held(d.host.Name, vips)
	}
	return n
}

// crash cuts a off and kills it at a random phase, waits until b has every
// address, and tells how long after the last advert that was. Then it brings
// a back.
func (p *pair) crash() (time.Duration, error) {
	heard, err := listen(p.b.host)
	if err != nil {
		return 0, err
	}
	defer heard.close()
	// A busy keepalived is silent for tens of milliseconds now and then.
	time.Sleep(max(p.load.interval, 200*time.Millisecond) + rand.N(p.load.interval))
	if err := p.a.host.Cut(); err != nil {
		return 0, err
	}
	for _, pid := range p.a.pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	time.Sleep(p.load.bound() - p.load.interval)
	limit := p.load.bound() + 20*time.Second
	if !lab.WaitFor(limit, func() bool { return p.holders()[1] == p.load.addresses() }) {
		return 0, fmt.Errorf("%s, %s: the backup holds %d addresses %v after the crash\n%s",
			p.b.daemon.Name, p.load.name, p.holders()[1], limit, p.b.proc.LogEnd())
	}
	_, at := p.watch.Held(p.b.host.Name, vips)
	last, err := heard.last()
	if err != nil {
		return 0, fmt.Errorf("%s, %s: before the crash: %w\n%s", p.a.daemon.Name, p.load.name, err, p.a.proc.LogEnd())
	}
	took := at.Round(0).Sub(last)
	if err := p.a.proc.Kill(); err != nil {
		return 0, err
	}
	// A machine that comes back has an empty /run; pid files of processes that
	// nobody has reaped yet would keep keepalived from starting.
	if _, err := p.a.host.Output(context.Background(), "find", "/run", "-type", "f", "-delete"); err != nil {
		return 0, err
	}
	if err := p.a.host.Restore(); err != nil {
		return 0, err
	}
	if err := p.a.start(); err != nil {
		return 0, err
	}
	return took, p.settle()
}

func (p *pair) close() { _ = p.lab.Close() }
