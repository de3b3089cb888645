package integration

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// TestManyChangesUnread throws a router to and fro for seconds while nobody
// reads its FIFO and its notify script hangs: it keeps up with the protocol,
// stays small, and tells whole lines in order once somebody listens.
func TestManyChangesUnread(t *testing.T) { patiently(manyChangesUnreadRound)(t) }

func manyChangesUnreadRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "fifo")
	r := router{Version: 3, VRID: 90, Interval: 50 * time.Millisecond, Priority: 254, Extra: "  notify \"/bin/sh -c '/bin/sleep 1004' x\"\n"}
	path := filepath.Join(n.a.Dir, "fifo")
	conf := strings.Replace(r.conf(), "router_id lab", "router_id lab\n  vrrp_notify_fifo "+path, 1)
	p := n.start(n.a, ours(t), conf)
	n.holder(vip, "a", r.down()+5*noise)

	from := netip.MustParseAddr("192.0.2.2")
	const changes = 6000
	began := time.Now()
	err := n.b.Do(func() error {
		s, err := newForger(from)
		if err != nil {
			return err
		}
		defer s.close()
		for range changes / 2 {
			// Somebody better, who stops at once: BACKUP, then MASTER after the skew time.
			for _, priority := range []uint8{255, 0} {
				if err := s.send(forged{from: from, ttl: 255, body: r.advert(priority)}); err != nil {
					return err
				}
			}
			time.Sleep(r.skew() + time.Millisecond)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	n.holder(vip, "a", r.down()+5*noise)
	since := time.Now()
	time.Sleep(10 * r.Interval)
	n.undisturbed("a", r, since)
	_, v := status(t, n.a)
	in := virtualRouter(t, v, "VI_1")
	t.Logf("%d times master in %v, notify %+v", in.Transitions, took, v.Notify)
	if in.State != "MASTER" || in.Transitions < changes/4 {
		t.Errorf("state %s, %d times master", in.State, in.Transitions)
	}
	if kb := residentKB(p); kb > 100<<10 {
		t.Errorf("the processes have grown to %d KiB each", kb)
	}

	// What is read now are whole lines, the oldest first, in an order that can be.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var text strings.Builder
	buf := make([]byte, 1<<16)
	quiet := time.Now()
	for time.Since(quiet) < time.Second {
		k, err := unix.Read(fd, buf)
		if err == nil && k > 0 {
			text.Write(buf[:k])
			quiet = time.Now()
		} else {
			time.Sleep(10 * time.Millisecond)
		}
	}
	line := regexp.MustCompile(`^INSTANCE "VI_1" (MASTER|BACKUP) 254$`)
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	repeats := 0
	for i, l := range lines {
		if !line.MatchString(l) {
			t.Fatalf("line %d is %q", i, l)
		}
		if i > 0 && l == lines[i-1] {
			repeats++
		}
	}
	t.Logf("%d lines read, %d times a change lost in between", len(lines), repeats)
	if len(lines) < 1000 || lines[0] != `INSTANCE "VI_1" BACKUP 254` || lines[len(lines)-1] != `INSTANCE "VI_1" MASTER 254` {
		t.Errorf("%d lines, the first %q and the last %q", len(lines), lines[0], lines[len(lines)-1])
	}
	stopped := time.Now()
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	if d := time.Since(stopped); d > 5*time.Second {
		t.Errorf("the stop took %v", d)
	}
}

// residentKB is the largest resident set of a daemon's processes.
func residentKB(p *lab.Process) (most int) {
	for _, pid := range p.Tree() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for l := range strings.SplitSeq(string(b), "\n") {
			var kb int
			if _, err := fmt.Sscanf(l, "VmRSS: %d kB", &kb); err == nil {
				most = max(most, kb)
			}
		}
	}
	return most
}
