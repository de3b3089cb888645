package engine

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// Time is the wire's: an engine that asked another clock could not be driven
// by a test, and would mix two clocks.
func TestNoClockOfItsOwn(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	banned := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick"}
	n := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		n++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if s, ok := node.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(banned, s.Sel.Name) {
					t.Errorf("%v: time.%s", set.Position(s.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
	if n == 0 {
		t.Fatal("no source files read")
	}
}

func TestTakeoverAtTheExactInstant(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		n := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)))
		time.Sleep(down100 - 1)
		n.is(vrrp.Backup)
		if len(l.adverts("a", l.began)) != 0 {
			t.Fatal("a backup sent")
		}
		time.Sleep(time.Nanosecond)
		n.is(vrrp.Master)
		if got := l.adverts("a", l.began); len(got) != 1 || got[0].at.Sub(l.began) != 3609375*time.Microsecond || got[0].prio != 100 {
			t.Fatalf("first advert: %+v", got)
		}
		if !n.host.Has(addr("192.0.2.101")) {
			t.Fatal("no address")
		}
		ann := n.proc.Announced()
		if len(ann) != 1 || ann[0].Rounds != 5 || ann[0].Addrs[0] != addr("192.0.2.101") {
			t.Fatalf("announced %+v", ann)
		}
		time.Sleep(5 * time.Second) // the second set; adverts on their grid
		synctest.Wait()
		if got := len(n.proc.Announced()); got != 2 {
			t.Fatalf("%d announcements", got)
		}
		for i, s := range l.adverts("a", l.began) {
			if s.at.Sub(l.began) != down100+time.Duration(i)*time.Second {
				t.Fatalf("advert %d at %v", i, s.at.Sub(l.began))
			}
		}
		want := []string{"VI_1 INIT>BACKUP", "VI_1 BACKUP>MASTER"}
		if got := n.obs.told(); !slices.Equal(got, want) {
			t.Fatalf("told %q", got)
		}
	})
}

func TestElectionAndStop(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if p := b.router(0).Peers; len(p) != 1 || p[0].Addr != addr("192.0.2.1") || p[0].Priority != 150 {
			t.Fatalf("heard %+v", p)
		}
		at := time.Now()
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		if got := prios(l.adverts("a", at)); !slices.Equal(got, []int{0}) {
			t.Fatalf("sent at the stop: %v", got)
		}
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("address left behind")
		}
		if told := a.obs.told(); told[len(told)-1] != "VI_1 MASTER>INIT" {
			t.Fatalf("told %q", told)
		}
		skew := 156 * time.Second / 256
		time.Sleep(time.Until(at.Add(skew)) - 1)
		b.is(vrrp.Backup)
		time.Sleep(time.Nanosecond)
		b.is(vrrp.Master)
	})
}

func TestStopWaitsForTheKernel(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		for _, slow := range []time.Duration{300 * time.Millisecond, time.Hour} {
			a := l.node("a"+slow.String(), "192.0.2.1/24").start(config(vr(1, 255)))
			time.Sleep(1500 * time.Millisecond)
			a.is(vrrp.Master)
			a.proc.ApplyDelay(slow)
			at := time.Now()
			a.cancel()
			err := <-a.done
			a.done <- err
			took := time.Since(at)
			if got := prios(l.adverts(a.name, at)); err != nil || !slices.Equal(got, []int{0}) {
				t.Fatalf("%v: %v, %v", slow, got, err)
			}
			if took != min(slow, stopTime) {
				t.Fatalf("%v: took %v", slow, took)
			}
			if told := a.obs.all(); !told[len(told)-1].Time.Equal(at.Add(took)) {
				t.Fatal("told before the addresses were gone")
			}
			a.kill()
		}
	})
}

func TestCrash(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		sent := l.adverts("a", l.began)
		a.kill()
		last := sent[len(sent)-1].at
		time.Sleep(time.Until(last.Add(down100)) - 1)
		b.is(vrrp.Backup)
		time.Sleep(time.Nanosecond)
		b.is(vrrp.Master)
		if !a.host.Has(addr("192.0.2.101")) {
			t.Fatal("a killed process cannot have removed its address")
		}
		// Started again it removes what was left before it does anything else.
		a.start(config(vr(1, 150)))
		synctest.Wait()
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("left-over address")
		}
		time.Sleep(10 * time.Second) // preemption
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if b.host.Has(addr("192.0.2.101")) {
			t.Fatal("two holders")
		}
	})
}

func TestUnicast(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		cfg := func(prio uint8, peers ...string) Config {
			r := vr(1, prio)
			r.Unicast = true
			r.Group = link.Port{}.Group
			for _, p := range peers {
				r.Peers = append(r.Peers, addr(p))
			}
			return config(r)
		}
		a := l.node("a", "192.0.2.1/24").start(cfg(150, "192.0.2.2", "192.0.2.3"))
		b := l.node("b", "192.0.2.2/24").start(cfg(100, "192.0.2.1", "192.0.2.3"))
		c := l.node("c", "192.0.2.3/24").start(cfg(90, "192.0.2.1", "192.0.2.2"))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		c.is(vrrp.Backup)
		sent := l.adverts("a", l.began)
		if len(sent) < 4 || sent[0].dst == sent[1].dst || sent[0].at != sent[1].at {
			t.Fatalf("want one to each peer at a time: %+v", sent)
		}
	})
}

// Failures to send are counted and logged once a minute, not every time.
func TestSendFailures(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var log bytes.Buffer
		r := vr(1, 255)
		r.DontTrackPrimary = true
		a := l.node("a", "192.0.2.1/24").start(config(r), logTo(&log))
		time.Sleep(1500 * time.Millisecond)
		a.host.SetUp("eth0", false)
		time.Sleep(90 * time.Second)
		a.is(vrrp.Master)
		s := a.router(0)
		if s.SendErrors != 90 || s.SendError == "" {
			t.Fatalf("%d errors, %q", s.SendErrors, s.SendError)
		}
		a.stop()
		if got := strings.Count(log.String(), "sending an advert failed"); got != 2 {
			t.Fatalf("%d log lines:\n%s", got, log.String())
		}
	})
}

func TestStatusAfterStop(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)))
		if err := a.eng.Turn(t.Context()); err != nil {
			t.Fatalf("turn: %v", err)
		}
		a.stop()
		if _, err := a.eng.Status(t.Context()); err != ErrStopped {
			t.Fatalf("status: %v", err)
		}
		if err := a.eng.Turn(t.Context()); err != ErrStopped {
			t.Fatalf("turn: %v", err)
		}
		if err := a.eng.Reload(t.Context(), config()); err != ErrStopped {
			t.Fatalf("reload: %v", err)
		}
	})
}
