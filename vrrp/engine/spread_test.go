package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"holdfast/vrrp"
)

// many are routers with VRID 1 to n.
func many(n int, prio uint8) Config {
	var c Config
	for i := 1; i <= n; i++ {
		c.Routers = append(c.Routers, vr(uint8(i), prio, fmt.Sprintf("10.9.0.%d/32", i)))
	}
	return c
}

// moments are how many adverts a host sent at each moment from since on, in
// order of time, and for every VRID the moments of its adverts.
func (l *lab) moments(host string, since time.Time) (sizes []int, of map[uint8][]time.Time) {
	of = map[uint8][]time.Time{}
	var last time.Time
	for _, s := range l.adverts(host, since) {
		if !s.at.Equal(last) {
			sizes = append(sizes, 0)
		}
		last = s.at
		sizes[len(sizes)-1]++
		of[s.vrid] = append(of[s.vrid], s.at)
	}
	return sizes, of
}

// Hundreds of routers become master together and are shared out over their
// interval: so their successors do not all come at one moment.
func TestManyRoutersAreSpread(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		l.quiet = true
		c := many(255, 150)
		c.Groups = []Group{{Name: "G", Members: []string{"VI_1", "VI_255"}}}
		a := l.node("a", "192.0.2.1/24").start(c)
		b := l.node("b", "192.0.2.2/24").start(many(255, 100))
		time.Sleep(5100 * time.Millisecond) // none of the moments is at the end of what is looked at
		a.is(vrrp.Master)
		at := time.Now()
		time.Sleep(3 * time.Second)
		sizes, of := l.moments("a", at)
		if len(sizes) != 9 || slices.Max(sizes) > 90 {
			t.Fatalf("adverts by moment: %v, want three moments a second", sizes)
		}
		for vrid, times := range of {
			if len(times) != 3 || times[1].Sub(times[0]) != time.Second || times[2].Sub(times[1]) != time.Second {
				t.Fatalf("VRID %d: adverts at %v", vrid, times)
			}
		}
		if !of[1][0].Equal(of[255][0]) {
			t.Errorf("two members of a sync group advertise at %v and %v", of[1][0], of[255][0])
		}

		// A successor goes on in parts, and none of its intervals is too long.
		at = time.Now()
		a.kill()
		time.Sleep(10100 * time.Millisecond)
		b.is(vrrp.Master)
		sizes, of = l.moments("b", at)
		if slices.Max(sizes) > 90 {
			t.Fatalf("adverts by moment after the takeover: %v", sizes)
		}
		for vrid, times := range of {
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap > time.Second || i > 1 && gap != time.Second {
					t.Fatalf("VRID %d: advert %d comes %v after the one before", vrid, i, gap)
				}
			}
		}
	})
}

// A few routers keep the schedule that they always had.
func TestFewRoutersAreNotSpread(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		l.quiet = true
		a := l.node("a", "192.0.2.1/24").start(many(100, 150))
		time.Sleep(5100 * time.Millisecond)
		a.is(vrrp.Master)
		at := time.Now()
		time.Sleep(3 * time.Second)
		if sizes, _ := l.moments("a", at); !slices.Equal(sizes, []int{100, 100, 100}) {
			t.Errorf("adverts by moment: %v", sizes)
		}
	})
}
