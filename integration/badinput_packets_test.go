package integration

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestForgedAdverts has a third host send adverts in which exactly one thing is
// wrong, and the checksum right, besides thousands of random ones: the state
// stays, and each drop is counted under its reason.
func TestForgedAdverts(t *testing.T) { patiently(forgedAdvertsRound)(t) }

func forgedAdvertsRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "forged")
	stranger := n.host("stranger", "02:00:00:00:00:66", "192.0.2.66/24")
	r := router{Version: 3, VRID: 88, Interval: 250 * time.Millisecond, Priority: 150}
	low := r
	low.Priority = 100
	n.start(n.a, ours(t), r.conf())
	n.start(n.b, ours(t), low.conf())
	n.holder(vip, "a", 2*r.down()+5*noise)
	time.Sleep(noise)
	since := time.Now()

	from := netip.MustParseAddr("192.0.2.66")
	good := r.advert(250)
	change := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	set := func(i int, v byte) []byte { return change(func(b []byte) []byte { b[i] = v; return b }) }
	wrong := []struct {
		reason string
		forged forged
	}{
		{"ttl", forged{ttl: 254, body: good}},
		{"version", forged{ttl: 255, body: router{Version: 2, VRID: r.VRID, Interval: time.Second}.advert(250)}},
		{"version", forged{ttl: 255, body: set(0, 0x41)}},
		{"type", forged{ttl: 255, body: set(0, 0x32)}},
		{"interval", forged{ttl: 255, body: change(func(b []byte) []byte { b[4], b[5] = 0, 0; return b })}},
		{"length", forged{ttl: 255, body: set(3, 9)}},
		{"length", forged{ttl: 255, body: good[:10]}},
		{"address-count", forged{ttl: 255, body: change(func(b []byte) []byte { b[3] = 0; return b[:8] })}},
		{"checksum", forged{ttl: 255, body: set(6, 0x12), raw: true}},
	}
	const rounds = 20
	rng := rand.New(rand.NewPCG(5, 6))
	err := stranger.Do(func() error {
		s, err := newForger(from)
		if err != nil {
			return err
		}
		defer s.close()
		for range rounds {
			for _, w := range wrong {
				w.forged.from = from
				if err := s.send(w.forged); err != nil {
					return err
				}
			}
			// And nonsense; a random checksum is right once in 65536 times, and
			// then the rest is still wrong.
			for range 50 {
				body := make([]byte, 8+rng.IntN(72))
				for i := range body {
					body[i] = byte(rng.Uint32())
				}
				body[1] = byte(r.VRID)
				if body[0]>>4 == 3 || body[0]>>4 == 2 {
					body[0] = body[0]&0xf0 | 7 // not an advert whatever the checksum
				}
				if err := s.send(forged{from: from, ttl: 255, body: body, raw: true}); err != nil {
					return err
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * r.Interval)
	n.undisturbed("a", r, since)
	if _, heard := n.capture.Last("b", uint8(r.VRID)); heard {
		t.Error("the backup has sent an advert")
	}
	for host, state := range map[*lab.Host]string{n.a: "MASTER", n.b: "BACKUP"} {
		_, v := status(t, host)
		in := virtualRouter(t, v, "VI_1")
		t.Logf("%s: %s, drops %v", host.Name, in.State, in.Drops)
		if in.State != state {
			t.Errorf("%s is %s, want %s", host.Name, in.State, state)
		}
		want := map[string]uint64{}
		for _, w := range wrong {
			want[w.reason] += rounds
		}
		for reason, count := range want {
			if in.Drops[reason] < count {
				t.Errorf("%s counts %d drops for %s, want at least %d", host.Name, in.Drops[reason], reason, count)
			}
		}
		for _, p := range in.Peers {
			if p.Addr == from {
				t.Errorf("%s takes the stranger for a peer", host.Name)
			}
		}
	}
}
