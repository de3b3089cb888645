package engine

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
)

// Whoever forges sources cannot fill the log, and is told of again later.
func TestForgedPeersDoNotFillTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var log bytes.Buffer
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)), logTo(&log))
		h := vr(1, 150)
		flood := func() int {
			log.Reset()
			for i := range 500 {
				src := netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i%200)})
				adv := vrrp.Advert{Version: 3, VRID: 1, Priority: 150, AdvertInt: uint16(100 + i%2), Addrs: []netip.Addr{addr("203.0.113.1")}}
				l.net.Inject("eth0", src, h.Group, 255, adv.AppendTo(nil, src, h.Group, true))
				synctest.Wait()
			}
			a.is(vrrp.Backup)
			return strings.Count(log.String(), "\n")
		}
		if n := flood(); n < 2 || n > 2*peerLogLimit+1 {
			t.Fatalf("500 adverts made %d lines:\n%s", n, log.String())
		}
		if !strings.Contains(log.String(), "peers change too often") {
			t.Fatalf("that more is not logged is not said:\n%s", log.String())
		}
		time.Sleep(peerLogTime)
		if n := flood(); n < 2 {
			t.Fatal("nothing is logged later")
		}
	})
}
