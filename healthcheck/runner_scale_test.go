package healthcheck

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// Thirty thousand checks keep their times and spread over the warmup.
func TestRunnerScales(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	synctest.Test(t, func(t *testing.T) {
		const n = 30000
		seed := 0.0
		b := newBench(t, RunnerConfig{Rand: func() float64 { seed += 0.6180339887; seed -= float64(int(seed)); return seed }})
		b.takes = 10 * time.Millisecond
		items := make([]Item, n)
		for i := range items {
			items[i] = item(fmt.Sprint(i), func(c *Config) { c.DelayLoop, c.Warmup = 60*time.Second, 60*time.Second })
		}
		b.replace(items...)
		began := time.Now()
		stop := b.run(t.Context())
		time.Sleep(121*time.Second + 20*time.Millisecond)
		synctest.Wait()
		if len(b.verdicts) != n || len(b.looks) < 2*n*99/100 || len(b.looks) > 2*n {
			t.Errorf("%d verdicts, %d looks in %v", len(b.verdicts), len(b.looks), time.Since(began))
		}
		if b.most > 64 {
			t.Errorf("%d at once: the first looks are not spread", b.most)
		}
		b.replace(items...)
		if len(b.r.queue) > n {
			t.Errorf("%d in the queue of %d", len(b.r.queue), n)
		}
		stop()
	})
}

func TestRunnerWithRealServersLeavesNothing(t *testing.T) {
	up := listen(t, func(net.Conn) {})
	gone := refusing(t)
	before := runtime.NumGoroutine()
	got := make(chan Verdict, 10)
	r := NewRunner(RunnerConfig{Verdict: func(v Verdict) { got <- v }})
	if err := r.Replace([]Item{
		{Key: "up", Config: Config{Kind: TCP, Addr: up, ConnectTimeout: time.Minute}},
		{Key: "gone", Config: Config{Kind: TCP, Addr: gone, ConnectTimeout: time.Minute}},
		{Key: "full", Config: Config{Kind: TCP, Addr: full(t), ConnectTimeout: 10 * time.Minute}},
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	seen := map[string]bool{}
	for range 2 {
		select {
		case v := <-got:
			seen[v.Key] = v.Up
			if v.Key == "gone" && v.Text != "connect: connection refused" {
				t.Errorf("%+v", v)
			}
		case <-time.After(time.Minute):
			t.Fatal("no verdict")
		}
	}
	if !seen["up"] || seen["gone"] || len(seen) != 2 {
		t.Errorf("verdicts %v", seen)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run does not end")
	}
	for range 3000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
