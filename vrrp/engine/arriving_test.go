package engine

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// asked notes the newest question to an applier, and how many there were.
type asked struct {
	link.Applier
	gen, n atomic.Uint64
}

func (a *asked) Set(owner int, gen uint64, want link.Wanted) {
	a.gen.Store(gen)
	a.n.Add(1)
	a.Applier.Set(owner, gen, want)
}

// saying notes what is announced, and believes it.
type saying struct {
	link.Announcer
	mu   sync.Mutex
	said [][]netip.Addr
}

func (s *saying) all() [][]netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.said)
}

func (s *saying) Announce(_ int, _ net.HardwareAddr, addrs []netip.Addr, _ int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, slices.Clone(addrs))
	return nil
}

// Addresses that are there before the others of a takeover are announced once,
// and with all others when those are there as well.
func TestArrivingAddressesAreAnnounced(t *testing.T) {
	for _, c := range []struct {
		name   string
		repeat int
		pacing Pacing
		early  int
	}{{"at once", 5, Pacing{}, 1}, {"never", 0, Pacing{}, 0}, {"with gaps", 5, Pacing{ARP: time.Millisecond}, 0}} {
		bubble(t, func(t *testing.T, l *lab) {
			vips := []string{"192.0.2.101/32", "192.0.2.102/32"}
			r := vr(1, 255, vips...)
			r.GARP.Repeat = c.repeat
			cfg := config(r)
			cfg.Pacing = c.pacing
			a := l.node("a", "192.0.2.1/24")
			var ask *asked
			var say *saying
			a.prepare(cfg, func(d *Deps) {
				ask, say = &asked{Applier: d.Applier}, &saying{Announcer: d.Announcer}
				d.Applier, d.Announcer = ask, say
			})
			a.proc.ApplyDelay(100 * time.Millisecond)
			a.run()
			time.Sleep(50 * time.Millisecond)
			synctest.Wait()
			arrive := func(gen uint64, want int) {
				t.Helper()
				there := []link.Address{{Ifindex: 1, Prefix: netip.MustParsePrefix(vips[0])}}
				a.eng.Arriving(link.Arriving{Owner: 0, Gen: gen, There: there})
				synctest.Wait()
				if len(say.all()) != want {
					t.Fatalf("%s: announced %v, want %d", c.name, say.all(), want)
				}
			}
			arrive(ask.gen.Load()-1, 0) // of another question
			arrive(ask.gen.Load(), c.early)
			if c.early > 0 && !slices.Equal(say.all()[0], []netip.Addr{addr("192.0.2.101")}) {
				t.Fatalf("announced %v", say.all())
			}
			time.Sleep(100 * time.Millisecond)
			a.is(vrrp.Master)
			all := c.early
			if c.repeat > 0 {
				all++
			}
			if len(say.all()) != all || all > 0 && len(say.all()[all-1]) != 2 {
				t.Fatalf("%s: announced %v", c.name, say.all())
			}
			arrive(ask.gen.Load(), all) // too late
		})
	}
}
