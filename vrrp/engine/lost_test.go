package engine

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// hindered is a Watcher whose readings take their time, and then fail while
// there is an error.
type hindered struct {
	link.Watcher
	mu    sync.Mutex
	err   error
	takes time.Duration
}

func (w *hindered) set(err error, takes time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err, w.takes = err, takes
}

func (w *hindered) List() ([]link.Interface, error) {
	w.mu.Lock()
	err, takes := w.err, w.takes
	w.mu.Unlock()
	list, readErr := w.Watcher.List()
	time.Sleep(takes)
	if err != nil {
		return nil, err
	}
	return list, readErr
}

// A loss that cannot be looked into because nothing can be read is looked into
// when something can, and until then nobody says that all is well.
func TestAddressLostWhileNothingCanBeRead(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var log bytes.Buffer
		r := vr(1, 255)
		a := l.node("a", "192.0.2.1/24")
		w := &hindered{}
		a.start(config(r), logTo(&log), func(d *Deps) {
			w.Watcher = d.Watcher
			d.Watcher = w
		})
		time.Sleep(1500 * time.Millisecond)
		a.is(vrrp.Master)
		w.set(errors.New("interrupted"), 0)
		if err := a.host.RemoveAddress("eth0", r.VIPs[0].Prefix); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		if s := a.router(0); !strings.Contains(s.ApplyError, "interrupted") || a.host.Has(addr("192.0.2.101")) || s.AddressesLost != 0 {
			t.Errorf("while nothing can be read: error %q, %d lost", s.ApplyError, s.AddressesLost)
		}
		w.set(nil, 0)
		time.Sleep(retryTime)
		a.is(vrrp.Master)
		if s := a.router(0); !a.host.Has(addr("192.0.2.101")) || s.AddressesLost != 1 || s.ApplyError != "" {
			t.Errorf("not restored: %d lost, error %q", s.AddressesLost, s.ApplyError)
		}
		a.stop()
		if n := strings.Count(log.String(), "interrupted"); n != 1 {
			t.Errorf("said %d times:\n%s", n, log.String())
		}
	})
}

// Looking takes as long as it takes, and adverts leave meanwhile. What is lost
// after a look began is not in it, and makes another one.
func TestAddressLostWhileLooking(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 255, "192.0.2.101/32", "192.0.2.102/32")
		r.AdvertInt = 10 * time.Millisecond
		a := l.node("a", "192.0.2.1/24")
		w := &hindered{}
		a.start(config(r), func(d *Deps) {
			w.Watcher = d.Watcher
			d.Watcher = w
		})
		time.Sleep(2 * time.Second)
		a.is(vrrp.Master)
		w.set(nil, 95*time.Millisecond)
		since := time.Now()
		for _, v := range r.VIPs {
			if err := a.host.RemoveAddress("eth0", v.Prefix); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		if s := a.router(0); !a.host.Has(addr("192.0.2.101")) || !a.host.Has(addr("192.0.2.102")) || s.AddressesLost == 0 {
			t.Errorf("not restored: %d lost", s.AddressesLost)
		}
		last := since
		for _, s := range l.adverts("a", since) {
			if gap := s.at.Sub(last); gap > r.AdvertInt {
				t.Errorf("no advert for %v, %v after the loss", gap, last.Sub(since))
			}
			last = s.at
		}
		if time.Since(last) > r.AdvertInt {
			t.Errorf("no advert for %v in the end", time.Since(last))
		}
		// A stop waits for a look that runs, and for no more.
		if err := a.host.RemoveAddress("eth0", r.VIPs[0].Prefix); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if err := a.stop(); err != nil {
			t.Error(err)
		}
	})
}
