package link

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pingPong sends n datagrams from one wire to another and reads them back.
type pingPong struct {
	w, hear *EpollWire
	batch   []Datagram
}

func newPingPong(t testing.TB, n int) *pingPong {
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	x := &pingPong{w: wire(t, WireConfig{Coalesce: -1}), hear: wire(t, WireConfig{Coalesce: -1})}
	open(t, x.w, pa)
	open(t, x.hear, pb)
	body := unhex(t, recorded)[20:]
	for range n {
		x.batch = append(x.batch, Datagram{Port: pa, Dst: group, Body: body})
	}
	return x
}

func (x *pingPong) round(t testing.TB) {
	x.w.Send(x.batch)
	for got := 0; got < len(x.batch); {
		ps, err := x.hear.Wait(x.hear.Now().Add(15 * time.Second))
		if err != nil || len(ps) == 0 {
			t.Fatalf("got %d of %d: %v", got, len(x.batch), err)
		}
		got += len(ps)
	}
}

func TestWireAllocatesNothing(t *testing.T) {
	if !inNetns(t) {
		return
	}
	x := newPingPong(t, 32)
	if n := testing.AllocsPerRun(200, func() { x.round(t) }); n != 0 {
		t.Errorf("%v allocations to send and receive 32 packets", n)
	}
}

func BenchmarkWire(b *testing.B) {
	if !inNetns(b) {
		return
	}
	x := newPingPong(b, 32)
	b.ReportAllocs()
	for b.Loop() {
		x.round(b)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(x.batch)), "ns/packet")
}

// BenchmarkBackup is what receiving costs a backup: 25,500 adverts a second,
// one by one or in bursts of 255 as a master sends them, for half a second.
func BenchmarkBackup(b *testing.B) {
	if !inNetns(b) {
		return
	}
	ia, ib := veth(b, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: ia, Group: group}, Port{Ifindex: ib, Group: group}
	for _, burst := range []int{1, 15, 255} {
		for _, coalesce := range []time.Duration{-1, 200 * time.Microsecond, time.Millisecond} {
			b.Run(fmt.Sprintf("burst=%d/coalesce=%v", burst, coalesce), func(b *testing.B) {
				for b.Loop() {
					backup(b, pa, pb, burst, coalesce)
				}
			})
		}
	}
}

func backup(b *testing.B, pa, pb Port, burst int, coalesce time.Duration) {
	const length = 500 * time.Millisecond
	w, hear := wire(b, WireConfig{}), wire(b, WireConfig{Coalesce: coalesce})
	open(b, w, pa)
	open(b, hear, pb)
	body := unhex(b, recorded)[20:]
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		batch := make([]Datagram, burst)
		for i := range batch {
			batch[i] = Datagram{Port: pa, Dst: group, Body: body}
		}
		for at := w.Now(); ; at = at.Add(time.Duration(burst) * 10 * time.Millisecond / 255) {
			select {
			case <-stop:
				return
			default:
			}
			for w.Now().Before(at) {
				_, _ = w.Wait(at)
			}
			w.Send(batch)
		}
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var from, to unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &from)
	start, packets := hear.Now(), 0
	before := hear.Stats()
	for hear.Now().Sub(start) < length {
		ps, err := hear.Wait(hear.Now().Add(30 * time.Millisecond))
		if err != nil {
			b.Fatal(err)
		}
		packets += len(ps)
	}
	took := hear.Now().Sub(start)
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &to)
	close(stop)
	wg.Wait()
	cpu := to.Utime.Nano() + to.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(took), "core")
	b.ReportMetric(float64(packets)/took.Seconds(), "packets/s")
	b.ReportMetric(float64(hear.Stats().Wakeups-before.Wakeups)/took.Seconds(), "wakeups/s")
	w.Close()
	hear.Close()
}
