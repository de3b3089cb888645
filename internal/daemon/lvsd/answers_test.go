package lvsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/tune"
	"holdfast/ipvs"
)

// Configurations that wait for each other in a process come to their turn in
// any order: the last one that was sent has to stay.
func TestAConfigurationDoesNotComeAfterANewerOne(t *testing.T) {
	var p process
	take := func(id uint64) error {
		t.Helper()
		f, err := os.Create(filepath.Join(t.TempDir(), "boot")) // and nothing in it
		if err != nil {
			t.Fatal(err)
		}
		err = p.takeOver(t.Context(), ipc.Message{Type: ipc.TypeConfig, ID: id, File: f}, func() { t.Error("nothing was read") })
		if f.Close() == nil {
			t.Errorf("%d: its file stays open", id)
		}
		return err
	}
	for _, c := range []struct {
		id         uint64
		superseded bool
	}{{7, false}, {6, true}, {8, false}, {7, true}} {
		if err := take(c.id); err == nil || errors.Is(err, role.ErrSuperseded) != c.superseded {
			t.Errorf("%d: %v", c.id, err)
		}
	}
}

// A large table can take the kernel minutes: a reload in that time is late, and
// has not failed.
func TestAReloadIsWaitedForWhileTheTableComesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var progress, told atomic.Int64
		ctx, cancel := patience(func() uint64 { return uint64(progress.Load()) }, func() { told.Add(1) })
		defer cancel()
		const pause = answerLimit - tellEvery
		for range 10 {
			time.Sleep(pause)
			progress.Add(1)
		}
		synctest.Wait()
		if n := told.Load(); ctx.Err() != nil || n < 9 || n > 10 {
			t.Fatalf("after 10 steps: %v, told %d times", context.Cause(ctx), n)
		}
		time.Sleep(answerLimit + 2*tellEvery)
		synctest.Wait()
		if err := context.Cause(ctx); !errors.Is(err, errStands) {
			t.Errorf("after a while without a step: %v", err)
		}
		if n := told.Load(); n != 10 {
			t.Errorf("told %d times of 10 steps", n)
		}
	})
}

// slowKernel answers Apply when it may, or takes its time.
type slowKernel struct {
	*ipvs.Fake
	may   chan struct{} // nil: at once
	takes time.Duration
}

func (k slowKernel) Apply(ops []ipvs.Op) error {
	if k.may != nil {
		<-k.may
	}
	time.Sleep(k.takes)
	return k.Fake.Apply(ops)
}

// working is a process in virtual time whose role works with a kernel, and the parent's
// end of its stream.
type working struct {
	*process
	t      *testing.T
	parent *ipc.Conn
}

func works(t *testing.T, kernel func() slowKernel, f func(working, slowKernel)) {
	t.Helper()
	ours, theirs, err := ipc.Pair()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ipc.FromFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	parent, err := ipc.FromFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	synctest.Test(t, func(t *testing.T) {
		k := kernel()
		log := slog.New(slog.DiscardHandler)
		p := &process{log: log, child: &role.Child{Parent: conn}, parent: ipc.NewMailbox(conn, nil), out: notifier.New(log), tune: tune.Process{Log: log}}
		defer p.parent.Close()
		defer p.out.Close()
		p.lvs = lvs.New(&config.Config{}, lvs.Deps{Open: func() (ipvs.Kernel, error) { return k, nil }})
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = p.lvs.Run(ctx)
		}()
		defer func() { stop(); <-ended }()
		if err := p.lvs.Worked(ctx); err != nil {
			t.Fatal(err)
		}
		f(working{p, t, parent}, k)
	})
}

// reloads has a configuration of so many services come under an ID.
func (w working) reloads(id uint64, services int) {
	w.t.Helper()
	var cfg config.Config
	for i := range services {
		cfg.VirtualServers = append(cfg.VirtualServers, config.VirtualServer{
			Addr: netip.AddrFrom4([4]byte{192, 0, 2, 10}), Port: uint16(i + 1), Protocol: 6, LBAlgo: "rr", DelayLoop: time.Minute,
		})
	}
	enc, err := role.Encode(&cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	boot, err := role.WriteBoot(role.Boot{}, enc)
	if err != nil {
		w.t.Fatal(err)
	}
	go w.reload(ipc.Message{Type: ipc.TypeConfig, ID: id, File: boot})
}

// until is how often the parent hears what, by type and ID, until it hears this.
func (w working) until(typ string, id uint64) map[string]int {
	w.t.Helper()
	heard := map[string]int{}
	for {
		m, err := w.parent.Receive()
		if err != nil {
			w.t.Fatal(err)
		}
		heard[fmt.Sprint(m.Type, " ", m.ID)]++
		if m.Type == typ && m.ID == id {
			if m.Err != "" {
				w.t.Errorf("%s %d: %s", m.Type, m.ID, m.Err)
			}
			return heard
		}
	}
}

// A role that hangs does not come on with the next configuration, however many come: the
// question whether its loop turns is not worked at, and a status does not say that it is
// busy.
func TestReloadsDoNotMakeARoleThatHangsLookBusy(t *testing.T) {
	works(t, func() slowKernel { return slowKernel{Fake: &ipvs.Fake{}, may: make(chan struct{})} }, func(w working, k slowKernel) {
		w.reloads(7, 1)
		synctest.Wait() // it is in the kernel
		w.pulse(8)
		hangs := time.Now()
		for id := uint64(10); id < 30; id++ {
			time.Sleep(answerLimit + tellEvery) // the one before is answered, that it stands
			w.reloads(id, int(id))
			synctest.Wait()
			b := w.lvs.Busy()
			if b == nil || b.CameOn.After(hangs) {
				t.Errorf("busy %+v, it hangs since %v", b, hangs)
				break
			}
		}
		close(k.may)
		heard := w.until(ipc.TypePulse, 8)
		if n := heard[ipc.TypeAtWork+" 8"]; n != 0 {
			t.Errorf("it was said %d times that the question is worked at", n)
		}
	})
}

// A role that writes a large table comes on.
func TestARoleThatWritesALargeTableIsBusy(t *testing.T) {
	works(t, func() slowKernel { return slowKernel{Fake: &ipvs.Fake{}, takes: answerLimit - 2*tellEvery} }, func(w working, _ slowKernel) {
		w.reloads(7, 2000)
		synctest.Wait()
		w.pulse(8)
		answered := make(chan struct{})
		go func() {
			_ = w.lvs.Turn(context.Background())
			close(answered)
		}()
		begun := time.Now()
		for done := false; !done; {
			time.Sleep(time.Second)
			synctest.Wait() // who ends at this very moment has ended
			select {
			case <-answered:
				done = true
			default:
				if b := w.lvs.Busy(); b == nil || time.Since(b.CameOn) >= answerLimit {
					t.Fatalf("after %v: %+v", time.Since(begun), b)
				}
			}
		}
		takes := time.Since(begun)
		heard := w.until(ipc.TypePulse, 8)
		if n := heard[ipc.TypeAtWork+" 8"]; takes < 4*answerLimit || n < int(takes/answerLimit) {
			t.Errorf("in %v it was said %d times that the question is worked at", takes, n)
		}
	})
}

// A configuration that the kernel held up for too long comes into force when the
// kernel answers again, and the parent hears of that too.
func TestAReloadThatStoodIsToldWhenItIsInForce(t *testing.T) {
	works(t, func() slowKernel { return slowKernel{Fake: &ipvs.Fake{}, may: make(chan struct{})} }, func(w working, k slowKernel) {
		w.reloads(7, 1)
		synctest.Wait() // it is in the kernel
		w.pulse(8)
		time.Sleep(answerLimit + time.Minute)
		receive := func() ipc.Message {
			t.Helper()
			for {
				m, err := w.parent.Receive()
				if err != nil {
					t.Fatal(err)
				}
				if m.Type != ipc.TypeAtWork {
					return m
				}
			}
		}
		m := receive()
		if m.Type != ipc.TypeConfig || m.ID != 7 || !strings.Contains(m.Err, errStands.Error()) || string(m.Body) != "true" {
			t.Errorf("at first: %+v", m)
		}
		time.Sleep(time.Hour)
		close(k.may)
		got := map[uint64]ipc.Message{}
		for range 2 {
			m = receive()
			got[m.ID] = m
		}
		if m := got[7]; m.Type != ipc.TypeConfig || m.Err != "" {
			t.Errorf("when the kernel answers: %+v", got)
		}
		if m := got[8]; m.Type != ipc.TypePulse || m.Err != "" {
			t.Errorf("the pulse: %+v", got)
		}
	})
}
