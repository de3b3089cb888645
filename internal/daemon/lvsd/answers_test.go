package lvsd

import (
	"context"
	"errors"
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
		err = p.takeOver(t.Context(), ipc.Message{Type: ipc.TypeConfig, ID: id, File: f})
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

// hangingKernel answers Apply when it may.
type hangingKernel struct {
	*ipvs.Fake
	may chan struct{}
}

func (k hangingKernel) Apply(ops []ipvs.Op) error {
	<-k.may
	return k.Fake.Apply(ops)
}

// A configuration that the kernel held up for too long comes into force when the
// kernel answers again, and the parent hears of that too.
func TestAReloadThatStoodIsToldWhenItIsInForce(t *testing.T) {
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
		kernel := hangingKernel{&ipvs.Fake{}, make(chan struct{})}
		log := slog.New(slog.DiscardHandler)
		p := &process{log: log, child: &role.Child{Parent: conn}, parent: ipc.NewMailbox(conn, nil), out: notifier.New(log), tune: tune.Process{Log: log}}
		defer p.parent.Close()
		defer p.out.Close()
		p.lvs = lvs.New(&config.Config{}, lvs.Deps{Open: func() (ipvs.Kernel, error) { return kernel, nil }})
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
		enc, err := role.Encode(&config.Config{VirtualServers: []config.VirtualServer{{
			Addr: netip.MustParseAddr("192.0.2.10"), Port: 80, Protocol: 6, LBAlgo: "rr", DelayLoop: time.Minute,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		boot, err := role.WriteBoot(role.Boot{}, enc)
		if err != nil {
			t.Fatal(err)
		}
		go p.reload(ipc.Message{Type: ipc.TypeConfig, ID: 7, File: boot})
		synctest.Wait() // it is in the kernel
		p.pulse(8)
		time.Sleep(answerLimit + time.Minute)
		receive := func() ipc.Message {
			t.Helper()
			for {
				m, err := parent.Receive()
				if err != nil {
					t.Fatal(err)
				}
				if m.Type != ipc.TypeAtWork {
					return m
				}
			}
		}
		m := receive()
		if m.Type != ipc.TypeConfig || m.ID != 7 || !strings.Contains(m.Err, errStands.Error()) {
			t.Errorf("at first: %+v", m)
		}
		time.Sleep(time.Hour)
		close(kernel.may)
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
