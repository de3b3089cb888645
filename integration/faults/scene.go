package faults

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"holdfast/integration/lab"
)

// VIP is the virtual address of every scene.
var VIP = netip.MustParseAddr("192.0.2.100")

const (
	vrid         = 51
	highPriority = 150
	lowPriority  = 100
	strangerMAC  = "02:00:00:00:00:66"
)

// Setting is how the two directors are configured.
type Setting struct {
	Version  int // 2 or 3
	Interval time.Duration
}

func (s Setting) String() string { return fmt.Sprintf("v%d, %v", s.Version, s.Interval) }

// Skew is the backup's skew time: what a takeover takes after a farewell
// (RFC 3768 and RFC 9568, section 6.1).
func (s Setting) Skew() time.Duration {
	unit := s.Interval
	if s.Version == 2 {
		unit = time.Second
	}
	return (256 - lowPriority) * unit / 256
}

// Down is the backup's master-down interval: what a takeover takes after the
// last advert.
func (s Setting) Down() time.Duration { return 3*s.Interval + s.Skew() }

func (s Setting) conf(priority int) string {
	// Without the second line a winner who did not hear the loser has no reason
	// to announce the address again after a split, with either daemon, and a
	// client waits until its own neighbour entry is too old.
	return fmt.Sprintf(`global_defs {
  router_id faults
  vrrp_higher_prio_send_advert true
  vrrp_version %d
}
vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id %d
  priority %d
  advert_int %g
  virtual_ipaddress {
    %s/24
  }
}
`, s.Version, vrid, priority, s.Interval.Seconds(), VIP)
}

// Node is one director of a scene.
type Node struct {
	Host   *lab.Host
	Daemon lab.Daemon
	conf   string
	proc   *lab.Process
}

// Scene is a pair of directors and what watches them.
type Scene struct {
	Setting
	A, B *Node

	lab      *lab.Lab
	stranger *lab.Host
	capture  *lab.Capture
	watch    *lab.Watch
	pinger   *lab.Pinger
}

// New builds a scene in a lab, which is the caller's to close, and waits until
// a holds the address.
func New(l *lab.Lab, a, b lab.Daemon, s Setting) (*Scene, error) {
	sc := &Scene{Setting: s, lab: l}
	lan, err := l.Segment("lan")
	if err != nil {
		return nil, err
	}
	host := func(name, mac, addr string) *lab.Host {
		h, e := l.Host(name)
		if e == nil {
			e = h.Plug(lan, "eth0", mac, addr)
		}
		err = errors.Join(err, e)
		return h
	}
	sc.A = &Node{Host: host("a", "02:00:00:00:00:01", "192.0.2.1/24"), Daemon: a, conf: s.conf(highPriority)}
	sc.B = &Node{Host: host("b", "02:00:00:00:00:02", "192.0.2.2/24"), Daemon: b, conf: s.conf(lowPriority)}
	sc.stranger = host("stranger", strangerMAC, "192.0.2.66/24")
	client := host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	if err != nil {
		return nil, err
	}
	if sc.capture, err = l.Capture(); err != nil {
		return nil, err
	}
	if sc.watch, err = l.Watch(sc.A.Host, sc.B.Host); err != nil {
		return nil, err
	}
	if sc.pinger, err = client.Pinger(VIP, time.Millisecond); err != nil {
		return nil, err
	}
	if err := errors.Join(sc.A.start(), sc.B.start()); err != nil {
		return nil, err
	}
	return sc, sc.Settle()
}

func (n *Node) start() (err error) {
	n.proc, err = n.Host.StartDaemon(n.Daemon, "keepalived.conf", n.conf)
	return err
}

// again starts the daemon of a machine that comes back with an empty /run.
func (n *Node) again() error {
	// Pid files of the dead would keep keepalived from starting.
	if _, err := n.Host.Output(context.Background(), "find", "/run", "-type", "f", "-delete"); err != nil {
		return err
	}
	return n.start()
}

// signal sends a signal to all processes of the daemon.
func (n *Node) signal(sig syscall.Signal) error {
	var errs []error
	for _, pid := range n.proc.Tree() {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("%v to process %d of %s: %w", sig, pid, n.Host.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Settle waits until a alone has held the address for a while and the client
// hears it.
func (s *Scene) Settle() error {
	calm := 4*s.Interval + 50*time.Millisecond
	// Start, master-down interval of a newcomer, and once more for a detour.
	limit := 4*s.Down() + 30*time.Second
	ok := lab.WaitFor(limit, func() bool {
		time.Sleep(10 * time.Millisecond)
		now := time.Now()
		h := s.watch.History(VIP, now.Add(-calm))
		return len(h) == 1 && len(h[0].Hosts) == 1 && h[0].Hosts[0] == s.A.Host.Name &&
			s.pinger.Answers(now.Add(-50*time.Millisecond), now) > 10
	})
	if !ok {
		h := s.watch.History(VIP, time.Now().Add(-limit))
		return fmt.Errorf("%s: not settled after %v: %v\na: %s\nb: %s", s, limit, h, s.A.proc.LogEnd(), s.B.proc.LogEnd())
	}
	return s.watch.Err()
}

func (s *Scene) String() string {
	return fmt.Sprintf("%s (%s and %s)", s.Setting, s.A.Daemon.Name, s.B.Daemon.Name)
}

// Logs writes what the daemons printed to two files, for whoever looks into a
// failure.
func (s *Scene) Logs(dir string) error {
	return errors.Join(
		os.WriteFile(dir+"/a.log", []byte(s.A.proc.Log()), 0o644),
		os.WriteFile(dir+"/b.log", []byte(s.B.proc.Log()), 0o644))
}
