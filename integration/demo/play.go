package demo

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"holdfast/integration/lab"
)

// act is a part of the demo that is summed up for itself.
type act struct {
	title    string
	from, to time.Time
	why      string // what failed requests in it are due to
}

// say prints a line of the timeline, with the time since the start.
func (s *stage) say(format string, args ...any) {
	s.sayAt(time.Now(), format, args...)
}

func (s *stage) sayAt(at time.Time, format string, args ...any) {
	fmt.Fprintf(s.out, "%7.2f s  %s\n", at.Sub(s.start).Seconds(), fmt.Sprintf(format, args...))
}

func (s *stage) check(ok bool, format string, args ...any) {
	s.checks = append(s.checks, check{text: fmt.Sprintf(format, args...), ok: ok})
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// until waits for something to become true; not becoming so ends the demo.
func until(ctx context.Context, limit time.Duration, what string, f func() bool) error {
	ok := lab.WaitFor(limit, func() bool { return ctx.Err() != nil || f() })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !ok {
		return fmt.Errorf("%s: not so after %v", what, limit)
	}
	return nil
}

// play is the story. Errors end it; what was not as it should be but lets the
// story go on is a failed check.
func (s *stage) play(ctx context.Context) error {
	s.start = time.Now()
	fmt.Fprintf(s.out, `
  client 192.0.2.99 ──┬── lvs1 192.0.2.1    director, priority %d
                      ├── lvs2 192.0.2.2    director, priority %d
                      ├── web1 192.0.2.21   nginx
                      └── web2 192.0.2.22   nginx

The client asks http://%s/ every %v. That address belongs to the directors: the
master holds it and passes each request on to a web server (IPVS, direct routing).
Both directors run examples/%s with %s.

`, prio1, prio2, vip, s.pace, exampleFile, s.daemon.Name)

	for _, step := range []func(context.Context) error{s.begin, s.steady, s.killMaster, s.bringBack, s.killServer, s.end} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin starts both directors and waits for the first one to be master.
func (s *stage) begin(ctx context.Context) error {
	s.say("lvs1 and lvs2 start")
	for i := range s.dirs {
		if err := s.startDirector(i); err != nil {
			return err
		}
	}
	// state MASTER with a priority below 255 still waits to hear another master.
	bound := 3*interval + skew(prio1)
	if err := until(ctx, bound+10*time.Second, "lvs1 is master", func() bool { return s.holds(0) && s.inTable(0, "192.0.2.21") && s.inTable(0, "192.0.2.22") }); err != nil {
		return err
	}
	at, _ := s.watch.FirstAdded("lvs1", vip, s.start)
	s.sayAt(at, "lvs1 is master: it holds %s (nobody else was heard for 3 × %v + %v)", vip, interval, round(skew(prio1)))
	s.check(!s.holds(1), "lvs2 stays backup while lvs1 is master")
	return nil
}

// steady shows the ordinary case.
func (s *stage) steady(ctx context.Context) error {
	s.traffic = s.client.Client(netip.AddrPortFrom(vip, 80), s.pace, 400*time.Millisecond)
	s.say("the client starts to ask")
	a := act{title: "all is well", from: time.Now()}
	if err := pause(ctx, 4*time.Second); err != nil {
		return err
	}
	s.showTable(ctx, 0)
	s.endAct(a)
	sum := s.traffic.Summarise(a.from, s.acts[0].to)
	s.judge(sum.Failed == 0, a.from, "no request fails while all is well (%d sent)", sum.Sent)
	s.check(fair(sum), "both web servers get their share (%s)", shares(sum))
	return nil
}

// killMaster is the power cut: link down, all processes killed.
func (s *stage) killMaster(ctx context.Context) error {
	a := act{title: "the master dies", why: "nobody holds the address until lvs2 takes over"}
	// A random moment between two adverts.
	if err := pause(ctx, time.Duration(time.Now().UnixNano()%int64(interval))); err != nil {
		return err
	}
	a.from = time.Now()
	pids := s.procs[0].Tree()
	at, err := s.procs[0].Crash()
	if err != nil {
		return err
	}
	s.sayAt(at, "lvs1 dies: link cut, SIGKILL to its %d processes", len(pids))
	last, heard := s.capture.Last("lvs1", 51)
	if !heard {
		return fmt.Errorf("no advert of lvs1 was seen")
	}
	bound := 3*interval + skew(prio2)
	if err := until(ctx, bound+10*time.Second, "lvs2 is master", func() bool { return s.holds(1) }); err != nil {
		return err
	}
	took, _ := s.watch.FirstAdded("lvs2", vip, at)
	s.sayAt(took, "lvs2 is master: %v after the last advert of lvs1 (the timers: 3 × %v + %v = %v)",
		round(took.Sub(last.At)), interval, round(skew(prio2)), round(bound))
	s.judge(took.Sub(last.At) <= bound+s.slack, last.At, "lvs2 takes over in time: %v of at most %v + %v for this machine",
		round(took.Sub(last.At)), round(bound), s.slack)
	s.check(took.Sub(last.At) >= bound-s.slack, "and not before its time")
	if err := pause(ctx, 4*time.Second); err != nil {
		return err
	}
	s.endAct(a)
	sum := s.traffic.Summarise(a.from, time.Now())
	s.say("the client heard nothing for %v", round(sum.Silence))
	s.judge(sum.Silence <= bound+s.slack, a.from, "the client's longest silence is %v, at most %v + %v", round(sum.Silence), round(bound), s.slack)
	after := s.traffic.Summarise(took.Add(500*time.Millisecond), time.Now().Add(-500*time.Millisecond))
	s.judge(after.Failed == 0 && after.Sent > 0, took, "no request fails once lvs2 is master (%d sent)", after.Sent)
	return nil
}

// bringBack starts the first director again, as a machine that boots.
func (s *stage) bringBack(ctx context.Context) error {
	a := act{title: "the master comes back", why: "they were on their way through lvs2 when the address moved"}
	a.from = time.Now()
	s.say("lvs1 starts again, and its link comes back")
	if err := s.startDirector(0); err != nil {
		return err
	}
	// The killed daemon left the address on the interface; the new one removes
	// it before the link lets anyone see it.
	if err := until(ctx, 5*time.Second, "lvs1 gives up the address it left behind", func() bool { return !s.holds(0) }); err != nil {
		return err
	}
	if err := s.dirs[0].Restore(); err != nil {
		return err
	}
	joined := time.Now()
	if err := until(ctx, 15*time.Second, "lvs1 is master again", func() bool { return s.holds(0) && !s.holds(1) }); err != nil {
		return err
	}
	took, _ := s.watch.FirstAdded("lvs1", vip, joined)
	s.sayAt(took, "lvs1 is master again: its priority is higher, and it waited 3 × %v + %v for its link and its turn",
		interval, round(skew(prio1)))
	overlap := s.watch.Overlap(vip, a.from)
	s.judge(overlap <= interval, a.from, "never two holders for longer than one interval of %v (%v at most)", interval, round(overlap))
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	s.endAct(a)
	sum := s.traffic.Summarise(a.from, time.Now())
	s.judge(sum.Failed*100 <= sum.Sent, a.from, "moving back costs next to nothing: %d of %d requests", sum.Failed, sum.Sent)
	return nil
}

// killServer takes a web server away.
func (s *stage) killServer(ctx context.Context) error {
	a := act{title: "a web server dies", why: "IPVS gives web1 a share until the health check finds it dead (a small one: wlc counts the refused connections as open)"}
	a.from = time.Now()
	if err := s.nginx[0].Kill(); err != nil {
		return err
	}
	s.say("nginx on web1 is killed")
	killed := time.Now()
	bound := delayLoop + retries*retryDelay
	if err := until(ctx, bound+10*time.Second, "web1 is out of the table", func() bool { return s.inTable(0, "192.0.2.10") && !s.inTable(0, "192.0.2.21") }); err != nil {
		return err
	}
	gone := time.Now()
	s.say("lvs1 takes web1 out of its table, after %v (the checks: every %v, then %d more, %v apart: %v)",
		round(gone.Sub(killed)), delayLoop, retries, retryDelay, bound)
	s.judge(gone.Sub(killed) <= bound+2*s.slack, killed, "a dead web server is out in time: %v of at most %v + %v for this machine", round(gone.Sub(killed)), bound, 2*s.slack)
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	s.endAct(a)
	settled := gone.Add(300 * time.Millisecond)
	sum := s.traffic.Summarise(settled, time.Now().Add(-500*time.Millisecond))
	s.judge(sum.Failed == 0 && sum.By["web2"] == sum.Sent && sum.Sent > 0, settled, "web2 then answers all (%s)", shares(sum))

	return nil
}

// end stops both directors in the ordinary way.
func (s *stage) end(context.Context) error {
	s.traffic.Close()
	for i := len(s.dirs) - 1; i >= 0; i-- {
		exit, err := s.procs[i].Stop(10 * time.Second)
		s.check(err == nil && exit == 0, "%s stops with exit code 0", s.dirs[i].Name)
		s.check(!s.holds(i), "%s leaves no address behind", s.dirs[i].Name)
		s.check(!s.inTable(i, ":"), "%s leaves no IPVS table behind", s.dirs[i].Name)
	}
	s.say("both directors are stopped")
	return nil
}

func (s *stage) endAct(a act) {
	a.to = time.Now()
	s.acts = append(s.acts, a)
}

// holds reports whether a director has the address now.
func (s *stage) holds(i int) bool {
	for _, name := range s.watch.Holders(vip) {
		if name == s.dirs[i].Name {
			return true
		}
	}
	return false
}

// inTable reports whether a director's IPVS table has a line with the text; the
// heading does not count. A table that cannot be read is an error of the demo.
func (s *stage) inTable(i int, text string) bool {
	table, err := s.dirs[i].Output(context.Background(), "ipvsadm", "-Ln")
	if err != nil {
		s.check(false, "the table of %s can be read: %v", s.dirs[i].Name, err)
		return false
	}
	for n, line := range strings.Split(table, "\n") {
		if n > 2 && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

func (s *stage) showTable(ctx context.Context, i int) {
	table, err := s.dirs[i].Output(ctx, "ipvsadm", "-Ln")
	if err != nil {
		table = err.Error()
	}
	fmt.Fprintf(s.out, "\n  lvs%d# ipvsadm -Ln\n  %s\n\n", i+1, strings.ReplaceAll(table, "\n", "\n  "))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
