package daemon

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/link"
)

func TestHoldingsKnowWhatADeadProcessMayHaveLeft(t *testing.T) {
	one := []link.Address{{Ifindex: 2, Prefix: netip.MustParsePrefix("192.0.2.10/24")}}
	two := []link.Address{{Ifindex: 2, Prefix: netip.MustParsePrefix("192.0.2.20/24")}}
	var h holdings
	h.said(ipc.Held{Router: "VI_1", Master: true, Wanted: link.Wanted{Addresses: one}})
	h.said(ipc.Held{Router: "VI_2", Master: true, Wanted: link.Wanted{Addresses: two}})
	// VI_2 is backup now; whether its address is gone already nobody knows.
	h.said(ipc.Held{Router: "VI_2"})
	if got := h.all(); !slices.Equal(got.Addresses, one) {
		t.Errorf("while it runs: %v", got)
	}
	h.died()
	if _, resumed := h.orphans["VI_2"]; resumed {
		t.Error("a router that had left MASTER would be resumed")
	}
	if got := h.left(); !slices.Equal(got.Addresses, append(slices.Clone(two), one...)) {
		t.Errorf("after its death: %v", got)
	}
	h.swept()
	if got := h.left(); !got.Empty() {
		t.Errorf("after the sweep: %v", got)
	}

	h.said(ipc.Held{Router: "VI_2", Master: true, Wanted: link.Wanted{Addresses: two}})
	h.said(ipc.Held{Router: "VI_2"})
	r := h.released["VI_2"]
	r.at = time.Now().Add(-releaseTime)
	h.released["VI_2"] = r
	h.died()
	if got := h.left(); !got.Empty() {
		t.Errorf("what was given up long ago: %v", got)
	}
}

// What a successor cannot announce before the peers take over is removed at
// once and not taken up again.
func TestResumeOnlyWhatASuccessorReaches(t *testing.T) {
	held := func(name, addr string, alive time.Duration) ipc.Held {
		return ipc.Held{Router: name, Master: true, Alive: alive, Wanted: link.Wanted{
			Addresses: []link.Address{{Ifindex: 1 << 30, Prefix: netip.MustParsePrefix(addr)}},
		}}
	}
	p := &Parent{log: slog.New(slog.DiscardHandler), cfg: &running{}, events: make(chan func(), 8), done: make(chan struct{})}
	p.holdings.said(held("fast", "192.0.2.10/32", 20*time.Millisecond))
	p.holdings.said(held("slow", "192.0.2.20/32", time.Hour))
	died := time.Now()
	p.holdings.died()
	list := p.resume(died, nil)
	if len(list) != 1 || list[0].Router != "slow" || list[0].LastAdvert != died {
		t.Errorf("to be taken up: %+v", list)
	}
	if _, ok := p.holdings.orphans["fast"]; ok || len(p.holdings.orphans) != 1 {
		t.Errorf("orphans: %v", p.holdings.orphans)
	}
	if left := p.holdings.left().Addresses; len(left) != 2 {
		t.Errorf("a successor would sweep %v", left)
	}

	p.holdings.said(held("slow", "192.0.2.20/32", time.Hour))
	p.holdings.died()
	if list := p.resume(died.Add(50*time.Millisecond-time.Hour), nil); len(list) != 0 {
		t.Errorf("50 ms before the peers take over: %+v", list)
	}
}

// A parent that stood still, or was kept from running, hears of the death late, and
// when the peers have taken over already.
func TestResumeGoesByTheLastAdvertAndNotByWhenTheDeathIsHeardOf(t *testing.T) {
	died := time.Now()
	for _, c := range []struct {
		name    string
		adverts map[string]time.Time
		last    time.Time // zero: it is not taken up
	}{
		{"nothing is noted", nil, died.Add(-time.Second)},
		{"a moment ago", map[string]time.Time{"VI_1": died.Add(-100 * time.Millisecond)}, died.Add(-100 * time.Millisecond)},
		{"longer ago than an interval", map[string]time.Time{"VI_1": died.Add(-2 * time.Second)}, died.Add(-2 * time.Second)},
		{"so long ago that a peer may have taken over", map[string]time.Time{"VI_1": died.Add(-3 * time.Second)}, time.Time{}},
		{"a farewell", map[string]time.Time{"VI_1": {}}, time.Time{}},
		{"a clock that was set back since", map[string]time.Time{"VI_1": died.Add(time.Hour)}, time.Time{}},
	} {
		p := &Parent{
			log: slog.New(slog.DiscardHandler), events: make(chan func(), 8), done: make(chan struct{}),
			cfg: &running{intervals: map[string]time.Duration{"VI_1": time.Second}},
		}
		addr := []link.Address{{Ifindex: 1 << 30, Prefix: netip.MustParsePrefix("192.0.2.10/32")}}
		p.holdings.said(ipc.Held{Router: "VI_1", Master: true, Alive: 2 * time.Second, Wanted: link.Wanted{Addresses: addr}})
		p.holdings.died()
		for k, at := range c.adverts {
			c.adverts[k] = at.Round(0) // as it is read
		}
		var got time.Time
		if list := p.resume(died, c.adverts); len(list) > 0 {
			got = list[0].LastAdvert
		}
		if !got.Round(0).Equal(c.last.Round(0)) {
			t.Errorf("%s: the last advert was sent at %v, want %v", c.name, got, c.last)
		}
		if left := p.holdings.left().Addresses; !slices.Equal(left, addr) {
			t.Errorf("%s: a successor would look for %v only", c.name, left)
		}
	}
}
