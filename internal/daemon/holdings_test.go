package daemon

import (
	"log/slog"
	"net/netip"
	"os"
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
	died := deathNow()
	p.holdings.died()
	list := p.resume(died, nil)
	if len(list) != 1 || list[0].Router != "slow" || list[0].SentAt != died.boot {
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
	died.boot += 50*time.Millisecond - time.Hour
	if list := p.resume(died, nil); len(list) != 0 {
		t.Errorf("50 ms before the peers take over: %+v", list)
	}
}

// A parent that stood still, or was kept from running, hears of the death late, and
// when the peers have taken over already. The time of day says nothing of that: it may
// have been set back since the last advert by as much as has passed.
func TestResumeGoesByTheLastAdvertAndNotByWhenTheDeathIsHeardOf(t *testing.T) {
	const alive = time.Minute // time goes on while the test works, or stands still
	died := deathNow()
	for _, c := range []struct {
		name    string
		adverts map[string]time.Duration
		last    time.Duration // 0: it is not taken up
	}{
		{"nothing is noted", nil, died.boot - time.Second},
		{"a moment ago", map[string]time.Duration{"VI_1": died.boot - 100*time.Millisecond}, died.boot - 100*time.Millisecond},
		{"longer ago than an interval", map[string]time.Duration{"VI_1": died.boot - 2*time.Second}, died.boot - 2*time.Second},
		{"so long ago that a peer may have taken over", map[string]time.Duration{"VI_1": died.boot - alive - time.Second}, 0},
		{"a farewell", map[string]time.Duration{"VI_1": 0}, 0},
		{"an advert of the future", map[string]time.Duration{"VI_1": died.boot + 1}, 0},
		{"no time at all", map[string]time.Duration{"VI_1": -1}, 0},
	} {
		for _, set := range []time.Duration{0, -3 * time.Second, -time.Hour, time.Hour} {
			p := &Parent{
				log: slog.New(slog.DiscardHandler), events: make(chan func(), 8), done: make(chan struct{}),
				cfg: &running{intervals: map[string]time.Duration{"VI_1": time.Second}},
			}
			addr := []link.Address{{Ifindex: 1 << 30, Prefix: netip.MustParsePrefix("192.0.2.10/32")}}
			p.holdings.said(ipc.Held{Router: "VI_1", Master: true, Alive: alive, Wanted: link.Wanted{Addresses: addr}})
			p.holdings.died()
			var got time.Duration
			if list := p.resume(death{died.at.Round(0).Add(set), died.boot}, c.adverts); len(list) > 0 {
				got = list[0].SentAt
			}
			if got != c.last {
				t.Errorf("%s, time of day set by %v: the last advert was sent at %v, want %v", c.name, set, got, c.last)
			}
			if left := p.holdings.left().Addresses; !slices.Equal(left, addr) {
				t.Errorf("%s: a successor would look for %v only", c.name, left)
			}
		}
	}
}

// A machine that has only just started has sent nothing long ago, and what is not known
// must not pass for that.
func TestNothingIsTakenUpOfWhatIsNotKnown(t *testing.T) {
	p := &Parent{cfg: &running{intervals: map[string]time.Duration{"VI_1": time.Second}}}
	h := ipc.Held{Router: "VI_1", Master: true, Alive: 1 << 62}
	if left := p.aliveFor(h, deathNow(), map[string]time.Duration{"VI_1": 0}); left > 0 {
		t.Errorf("it is taken for held for %v", left)
	}
}

// What does not move with a router is held by nobody else: how long it may still be
// taken for held is counted from the death, whatever was noted of adverts.
func TestWhatIsStaticIsHeldFromTheDeathOn(t *testing.T) {
	p := &Parent{cfg: &running{intervals: map[string]time.Duration{"VI_1": time.Second}}}
	died := deathNow()
	died.boot -= 10 * time.Minute
	for _, noted := range []map[string]time.Duration{nil, {"VI_1": 0}, {"VI_1": died.boot - time.Hour}} {
		h := ipc.Held{Router: "VI_1", Static: true, Alive: time.Hour}
		if left := p.aliveFor(h, died, noted); left > 50*time.Minute || left < 49*time.Minute {
			t.Errorf("of adverts %v is noted: it is taken for held for %v", noted, left)
		}
	}
}

// The record that a process of another version shares goes by another clock.
func TestARecordOfAnotherClockIsNotRead(t *testing.T) {
	handsOver(t, func(h handingOver) {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		c := h.vrrp.child
		h.message(c, ipc.Message{Type: "adverts", Body: []byte(`["VI_1"]`), File: f})
		if c.adverts.file != nil || c.adverts.last(h.log) != nil {
			t.Error("it is read")
		}
		if f.Close() == nil {
			t.Error("it is left open")
		}
	})
}
