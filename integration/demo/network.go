package demo

import (
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"holdfast/examples"
	"holdfast/integration/lab"
	"holdfast/integration/uml"
)

// What examples/lvs-dr-pair.conf says, for the bounds; build checks that the
// file still says it.
const (
	exampleFile = "lvs-dr-pair.conf"
	interval    = time.Second
	prio1       = 150
	prio2       = 100
	delayLoop   = 5 * time.Second
	retries     = 2
	retryDelay  = time.Second
)

var vip = netip.MustParseAddr("192.0.2.10")

// skew is VRRP version 2's for a priority.
func skew(prio int) time.Duration {
	return time.Duration(256-prio) * time.Second / 256
}

// stage is the lab and everything that is measured in it.
type stage struct {
	out    io.Writer
	daemon lab.Daemon
	lab    *lab.Lab
	client *lab.Host
	dirs   [2]*lab.Host
	procs  [2]*lab.Process // of the directors
	confs  [2]string
	webs   [2]*lab.Host
	nginx  [2]*lab.Process

	capture *lab.Capture
	watch   *lab.Watch
	traffic *lab.Client
	pace    time.Duration // between requests
	slack   time.Duration // what this machine may add to a bound

	// stalls says how long this machine stood still in a time, at the longest and
	// in all.
	stalls func(since, until time.Time) (longest, sum time.Duration)

	start  time.Time
	checks []check
	acts   []act
}

// check is one thing that had to be so.
type check struct {
	text string
	ok   bool
	busy bool // not ok, and the machine is why: not judged
}

func build(o Options) (s *stage, err error) {
	s = &stage{out: o.Out, daemon: o.Daemon, pace: 10 * time.Millisecond, slack: 100 * time.Millisecond}
	if uml.Inside() {
		// One processor for all five machines, and a clock of 100 Hz.
		s.pace, s.slack = 20*time.Millisecond, 300*time.Millisecond
		// The demo itself takes that processor for as long: it would always seem
		// to stand still.
		s.stalls = func(_, _ time.Time) (longest, sum time.Duration) { return 0, 0 }
	} else {
		lab.WatchStalls()
		s.stalls = func(since, until time.Time) (longest, sum time.Duration) {
			return lab.Stalls(since, until), lab.Stalled(since, until)
		}
	}
	if err := s.readExample(); err != nil {
		return nil, err
	}
	if s.lab, err = lab.New("demo"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.lab.Close()
		}
	}()
	lan, err := s.lab.Segment("lan")
	if err != nil {
		return nil, err
	}
	plug := func(name, mac, addr string) (*lab.Host, error) {
		h, err := s.lab.Host(name)
		if err != nil {
			return nil, err
		}
		return h, h.Plug(lan, "eth0", mac, addr)
	}
	for i := range s.dirs {
		if s.dirs[i], err = plug(fmt.Sprintf("lvs%d", i+1), fmt.Sprintf("02:00:00:00:00:0%d", i+1), fmt.Sprintf("192.0.2.%d/24", i+1)); err != nil {
			return nil, err
		}
	}
	for i := range s.webs {
		if s.webs[i], err = plug(fmt.Sprintf("web%d", i+1), fmt.Sprintf("02:00:00:00:00:2%d", i+1), fmt.Sprintf("192.0.2.2%d/24", i+1)); err != nil {
			return nil, err
		}
		// As the example's comment says: first silence, then the address.
		for _, v := range [][2]string{{"arp_ignore", "1"}, {"arp_announce", "2"}} {
			if err := s.webs[i].Sysctl("net/ipv4/conf/all/"+v[0], v[1]); err != nil {
				return nil, err
			}
		}
		if err := s.webs[i].AddAddr("lo", vip.String()+"/32"); err != nil {
			return nil, err
		}
		if err := s.startWeb(i); err != nil {
			return nil, err
		}
	}
	if s.client, err = plug("client", "02:00:00:00:00:99", "192.0.2.99/24"); err != nil {
		return nil, err
	}
	if s.capture, err = s.lab.Capture(); err != nil {
		return nil, err
	}
	s.watch, err = s.lab.Watch(s.dirs[0], s.dirs[1])
	return s, err
}

func (s *stage) startWeb(i int) (err error) {
	s.nginx[i], err = s.webs[i].NginxServer(s.webs[i].Name)
	return err
}

func (s *stage) startDirector(i int) (err error) {
	s.procs[i], err = s.dirs[i].StartDaemon(s.daemon, exampleFile, s.confs[i])
	return err
}

// readExample takes the configuration of the first director as it stands, and
// makes the second one's of it as its comment says.
func (s *stage) readExample() error {
	text, err := fs.ReadFile(examples.Files, exampleFile)
	if err != nil {
		return fmt.Errorf("example: %w", err)
	}
	s.confs[0] = string(text)
	for _, must := range []string{
		vip.String() + "/24 dev eth0", "interface eth0", fmt.Sprintf("advert_int %d", interval/time.Second),
		fmt.Sprintf("delay_loop %d", delayLoop/time.Second), fmt.Sprintf("retry %d", retries),
		fmt.Sprintf("delay_before_retry %d", retryDelay/time.Second), "real_server 192.0.2.21 80", "real_server 192.0.2.22 80",
	} {
		if !strings.Contains(s.confs[0], must) {
			return fmt.Errorf("example %s does not say %q", exampleFile, must)
		}
	}
	s.confs[1] = s.confs[0]
	for _, swap := range [][2]string{
		{"router_id lvs1", "router_id lvs2"},
		{"state MASTER", "state BACKUP"},
		{fmt.Sprintf("priority %d", prio1), fmt.Sprintf("priority %d", prio2)},
	} {
		// The comment names them too; only the statements are changed.
		body := strings.Index(s.confs[1], "global_defs {")
		head, rest := s.confs[1][:body], s.confs[1][body:]
		if strings.Count(rest, swap[0]) != 1 {
			return fmt.Errorf("example %s says %q %d times", exampleFile, swap[0], strings.Count(rest, swap[0]))
		}
		s.confs[1] = head + strings.Replace(rest, swap[0], swap[1], 1)
	}
	return nil
}
