package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
)

// ErrMissing is wrapped by errors that say what a lab needs and is not there.
var ErrMissing = errors.New("missing")

// Lab is a set of hosts and segments. Its methods may be called by several
// goroutines.
type Lab struct {
	Name string // unique on this machine: what New was given, the process and a counter
	Dir  string // a folder for configurations, logs and sockets; removed by Close

	mu       sync.Mutex
	hosts    []*Host
	segments []*Segment
	wire     *space // the namespace of all bridges
	ports    int
	closers  []func()
	closed   bool
}

var counter atomic.Int64

// Available reports whether a lab can be built; the error wraps ErrMissing.
func Available() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("lab: needs root: %w", ErrMissing)
	}
	for program, pkg := range map[string]string{"cat": "coreutils", "nsenter": "util-linux", "ip": "iproute2"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("lab: %s (Debian package %s): %w", program, pkg, ErrMissing)
		}
	}
	return nil
}

// New starts an empty lab.
func New(name string) (*Lab, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	l := &Lab{Name: fmt.Sprintf("%s-%d-%d", name, os.Getpid(), counter.Add(1))}
	dir, err := os.MkdirTemp("", "holdfast-"+l.Name+"-")
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l.Dir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if l.wire, err = newSpace(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("lab %s: %w", l.Name, err)
	}
	open.Store(l, nil)
	return l, nil
}

// Close ends every process of the lab, and with them its namespaces, and
// removes its folder. It may be called twice.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	open.Delete(l)
	closers, hosts := l.closers, l.hosts
	l.mu.Unlock()
	for i := len(closers) - 1; i >= 0; i-- {
		closers[i]()
	}
	var errs []error
	for _, h := range hosts {
		if err := h.KillAll(); err != nil {
			errs = append(errs, err)
		}
		h.space.close()
	}
	l.wire.close()
	errs = append(errs, os.RemoveAll(l.Dir))
	return errors.Join(errs...)
}

// onClose has f called by Close, before any process is ended; f must bear
// being called once only, later calls run first.
func (l *Lab) onClose(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, f)
}

// Segment is one Ethernet.
type Segment struct {
	Name   string
	lab    *Lab
	bridge netlink.Link
}

// Segment adds an Ethernet.
func (l *Lab) Segment(name string) (*Segment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	br := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	br.Name = fmt.Sprintf("br%d", len(l.segments))
	snoop := false
	br.MulticastSnooping = &snoop
	if err := l.wire.nl.LinkAdd(br); err != nil {
		return nil, fmt.Errorf("lab: segment %s: %w", name, err)
	}
	// The bridge is a wire and no host: without addresses it stays silent.
	if err := l.wire.sysctl("net/ipv6/conf/"+br.Name+"/disable_ipv6", "1"); err != nil {
		return nil, fmt.Errorf("lab: segment %s: %w", name, err)
	}
	if err := l.wire.nl.LinkSetUp(br); err != nil {
		return nil, fmt.Errorf("lab: segment %s: %w", name, err)
	}
	link, err := l.wire.nl.LinkByName(br.Name)
	if err != nil {
		return nil, fmt.Errorf("lab: segment %s: %w", name, err)
	}
	s := &Segment{Name: name, lab: l, bridge: link}
	l.segments = append(l.segments, s)
	return s, nil
}

// Hosts are the hosts in the order they were added.
func (l *Lab) Hosts() []*Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Host(nil), l.hosts...)
}

// Host adds a host without interfaces.
func (l *Lab) Host(name string) (*Host, error) {
	sp, err := newSpace()
	if err != nil {
		return nil, fmt.Errorf("lab: host %s: %w", name, err)
	}
	h := &Host{Name: name, Dir: filepath.Join(l.Dir, name), lab: l, space: sp}
	if err := os.MkdirAll(h.Dir, 0o755); err != nil {
		sp.close()
		return nil, fmt.Errorf("lab: host %s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts = append(l.hosts, h)
	return h, nil
}

// WaitFor polls f every few milliseconds until it is true, or false when the limit
// has passed, and reports which.
func WaitFor(limit time.Duration, f func() bool) bool {
	deadline := time.Now().Add(limit)
	for {
		late := time.Now().After(deadline) // before f, which is asked once more after it
		if f() {
			return true
		}
		if late {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
}
