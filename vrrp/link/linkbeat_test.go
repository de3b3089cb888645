package link

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSettle(t *testing.T) {
	base := time.Unix(1000, 0)
	var s Settle
	s.Configure(map[string]Delay{"eth0": {Down: 2 * time.Second, Up: time.Second}, "eth1": {Down: time.Second}})
	at := func(sec float64, list []Interface, want ...bool) {
		t.Helper()
		s.Filter(base.Add(time.Duration(sec*float64(time.Second))), list)
		for i, w := range want {
			if list[i].Up != w {
				t.Errorf("%v s: %s is up %v, want %v", sec, list[i].Name, list[i].Up, w)
			}
		}
	}
	list := func(up ...bool) []Interface {
		out := []Interface{{Index: 1, Name: "eth0"}, {Index: 2, Name: "eth1"}, {Index: 3, Name: "eth2"}}
		for i := range up {
			out[i].Up = up[i]
		}
		return out[:len(up)]
	}
	at(0, list(true, false, true), true, false, true) // as first seen
	at(1, list(false, true, false), true, true, false)
	if d := s.Deadline(); !d.Equal(base.Add(3 * time.Second)) {
		t.Errorf("deadline %v", d)
	}
	at(2.9, list(false, false, false), true, true, false)
	at(3, list(false, false, false), false, true, false)
	at(3.9, list(false, false, false), false, false, false)
	at(4, list(true, false), false, false)
	at(4.5, list(false, false), false, false) // a bounce
	at(4.6, list(true, false), false, false)
	at(5.5, list(true, false), false, false)
	at(5.6, list(true, false), true, false)
	// Gone and back under another index: it is what it is.
	at(6, nil)
	back := list(false, true)
	back[0].Index = 9
	at(6.1, back, false, true)
	// No delay any more.
	at(7, list(true, true), true, true)
	s.Configure(nil)
	at(7.1, list(false, false), false, false)
	if !s.Deadline().IsZero() {
		t.Error("a deadline without delays")
	}
}

// puppet is a Watcher and a Prober.
type puppet struct {
	mu   sync.Mutex
	list []Interface
	up   map[string]bool
	news chan struct{}
}

func (p *puppet) List() ([]Interface, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Interface(nil), p.list...), nil
}

func (p *puppet) Watch(stop <-chan struct{}, f func(Update)) error {
	for {
		l, _ := p.List()
		f(Update{Interfaces: l})
		select {
		case <-stop:
			return nil
		case <-p.news:
		}
	}
}

func (p *puppet) Link(name string, first BeatKind) (bool, BeatKind, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	up, ok := p.up[name]
	if !ok {
		return false, "", errors.New("unknown")
	}
	return up, BeatEthtool, nil
}

func (p *puppet) set(change func()) {
	p.mu.Lock()
	change()
	p.mu.Unlock()
}

// A reading that is overtaken by news, on another goroutine, is not told after
// them: nothing would set it right.
func TestBeatTellsNothingOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{list: []Interface{{Index: 1, Name: "lo", Up: true}, {Index: 2, Name: "eth0", Up: true}}, news: make(chan struct{}, 1)}
		b := NewBeat(p, p, BeatConfig{}, nil)
		var mu sync.Mutex
		var last []Interface
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_ = b.Watch(stop, func(u Update) {
				mu.Lock()
				last = u.Interfaces
				mu.Unlock()
			})
		}()
		synctest.Wait()
		p.set(func() { p.list = p.list[:1] }) // as it was before eth0 came
		if _, err := b.List(); err != nil {
			t.Fatal(err)
		}
		b.Configure(BeatConfig{Delays: map[string]Delay{"eth0": {Down: time.Second}}})
		mu.Lock()
		if len(last) != 2 {
			t.Errorf("told %v", last)
		}
		mu.Unlock()
		close(stop)
		<-done
	})
}

func TestBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{
			list: []Interface{{Index: 1, Name: "eth0", Up: true}, {Index: 2, Name: "eth1", Up: true}, {Index: 3, Name: "eth2", Up: true}},
			up:   map[string]bool{"eth0": false}, news: make(chan struct{}, 1),
		}
		b := NewBeat(p, p, BeatConfig{
			Polls:  map[string]BeatKind{"eth0": "", "eth2": BeatMII},
			Delays: map[string]Delay{"eth1": {Down: 3 * time.Second, Up: 0}},
		}, nil)
		var mu sync.Mutex
		told := map[string]bool{}
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_ = b.Watch(stop, func(u Update) {
				mu.Lock()
				defer mu.Unlock()
				for _, i := range u.Interfaces {
					told[i.Name] = i.Up
				}
			})
		}()
		expect := func(what string, eth0, eth1, eth2 bool) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if want := map[string]bool{"eth0": eth0, "eth1": eth1, "eth2": eth2}; !maps.Equal(told, want) {
				t.Errorf("%s: %v, want %v", what, told, want)
			}
		}
		expect("the driver's word counts where it has one", false, true, true)
		p.set(func() { p.up["eth0"] = true })
		time.Sleep(beatTime + time.Millisecond)
		expect("polled", true, true, true)
		p.set(func() { p.list[1].Up = false })
		p.news <- struct{}{}
		time.Sleep(2900 * time.Millisecond)
		expect("held back", true, true, true)
		time.Sleep(200 * time.Millisecond)
		expect("long enough", true, false, true)
		p.set(func() { p.list[1].Up = true })
		p.news <- struct{}{}
		expect("up at once", true, true, true)
		p.set(func() { p.up["eth0"] = false })
		b.Configure(BeatConfig{})
		expect("no longer polled", true, true, true)
		close(stop)
		<-done
	})
}

// TestInherit: a virtual interface follows what counts of the one below it.
func TestInherit(t *testing.T) {
	for _, c := range []struct{ raw, counts, own, want bool }{
		{true, true, true, true},
		{true, true, false, false},
		{false, true, false, true}, // the one below has not been down for long enough
		{true, false, true, false}, // its driver says that it has no link
		{false, false, false, false},
	} {
		list := []Interface{{Index: 1, Name: "eth0", Up: c.counts}, {Index: 2, Name: "vrrp.51", Below: 1, Up: c.own}}
		inherit(list, map[int]bool{1: c.raw, 2: c.own})
		if list[1].Up != c.want {
			t.Errorf("%+v: %v", c, list[1].Up)
		}
	}
}
