package engine

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
)

// logLines counts the lines of a log, and remembers the text.
type logLines struct {
	mu   sync.Mutex
	text strings.Builder
	n    int
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return l.text.Write(b)
}

func (l *logLines) so() (text string, lines int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.n
}

// Whoever forges sources cannot fill the log, and is told of again later.
func TestForgedPeersDoNotFillTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var log logLines
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)), func(d *Deps) { d.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		h := vr(1, 150)
		flood := func() int {
			synctest.Wait()
			_, before := log.so()
			for i := range 500 {
				src := netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i%200)})
				adv := vrrp.Advert{Version: 3, VRID: 1, Priority: 150, AdvertInt: uint16(100 + i%2), Addrs: []netip.Addr{addr("203.0.113.1")}}
				l.net.Inject("eth0", src, h.Group, 255, adv.AppendTo(nil, src, h.Group, true))
				synctest.Wait()
			}
			a.is(vrrp.Backup)
			_, n := log.so()
			return n - before
		}
		if n := flood(); n < 2 || n > 2*peerLogLimit+1 {
			t.Fatalf("500 adverts made %d lines", n)
		}
		if text, _ := log.so(); !strings.Contains(text, "peers change too often") {
			t.Fatalf("that more is not logged is not said:\n%s", text)
		}
		time.Sleep(peerLogTime)
		if n := flood(); n < 2 {
			t.Fatal("nothing is logged later")
		}
	})
}

// A router in FAULT knows who is master meanwhile, and still accepts nothing.
func TestFaultKnowsTheMaster(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		r.Tracks = []vrrp.Track{{Key: "interface eth1", Pending: true}}
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth1")
		a.start(config(r))
		l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		a.host.DeleteInterface("eth1")
		time.Sleep(20 * time.Second)
		a.is(vrrp.Fault)
		before := a.router(0)
		time.Sleep(10 * time.Second)
		s := a.router(0)
		if len(s.Peers) != 1 || s.Peers[0].Addr != addr("192.0.2.2") || s.Peers[0].Priority != 100 || !s.Peers[0].Agrees || !s.Peers[0].Last.After(before.Peers[0].Last) {
			t.Errorf("peers %+v, before %+v", s.Peers, before.Peers)
		}
		if s.Received != before.Received || s.Drops[vrrp.DropState] <= before.Drops[vrrp.DropState] || s.Master != before.Master || s.LastHeard != before.LastHeard {
			t.Errorf("%+v, before %+v", s.Status, before.Status)
		}
		// What it would not accept says nothing about who is master.
		adv := vrrp.Advert{Version: 2, VRID: 1, Priority: 200, AdvertInt: 1, Addrs: r.Addresses}
		l.net.Inject("eth0", addr("192.0.2.9"), r.Group, 255, adv.AppendTo(nil, addr("192.0.2.9"), r.Group, true))
		synctest.Wait()
		if n := len(a.router(0).Peers); n != 1 {
			t.Errorf("%d peers", n)
		}
	})
}
