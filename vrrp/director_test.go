package vrrp

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestDeadlineHeap plays many routers against a plain search for the earliest
// deadline.
func TestDeadlineHeap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	d := NewDirector()
	now := epoch
	var out []Action
	for range 200 {
		cfg := v3(uint8(1+rnd.IntN(254)), time.Duration(1+rnd.IntN(50))*10*time.Millisecond)
		out = d.Step(now, d.Add(cfg), &Event{Kind: EventStart}, out[:0])
	}
	for range 5000 {
		now = now.Add(time.Duration(rnd.IntN(5000)) * time.Microsecond)
		id := ID(rnd.IntN(200))
		r := d.Router(id)
		switch k := rnd.IntN(10); {
		case r == nil:
			if got := d.Add(v2(100)); d.Router(got) == nil || int(got) >= 200 {
				t.Fatalf("id %d", got)
			}
		case k == 0:
			out = d.Step(now, id, &Event{Kind: EventLink, Up: rnd.IntN(2) == 0}, out[:0])
		case k == 1:
			out = d.Step(now, id, &Event{Kind: EventApplied, Gen: r.gen, Up: true}, out[:0])
		case k == 2 && rnd.IntN(10) == 0:
			out = d.Remove(now, id, out[:0])
		case k < 6:
			out = d.Step(now, id, &Event{Kind: EventAdvert, Advert: from(r.cfg, uint8(rnd.IntN(256))), Src: other, Local: self}, out[:0])
		default:
			out = d.Expire(now, out[:0])
			if at := d.Deadline(); !at.IsZero() && !at.After(now) {
				t.Fatal("a due deadline is left")
			}
		}
		var want time.Time
		first := ID(absent)
		for i, r := range d.routers {
			if r == nil {
				continue
			}
			if at := r.Deadline(); !at.IsZero() && (want.IsZero() || at.Before(want)) {
				want, first = at, ID(i)
			}
		}
		if got, at, ok := d.deadlines.first(); !at.Equal(want) || ok != !want.IsZero() || ok && got != first {
			t.Fatalf("deadline %v of router %d, want %v of %d", at, got, want, first)
		}
	}
}

// TestShutdownOrder: adverts of all, addresses of all, instances, groups.
func TestShutdownOrder(t *testing.T) {
	var kinds []ActionKind
	s := newStage(nil)
	var members []ID
	for i := range 3 {
		cfg := v2(100)
		cfg.VRID = uint8(i + 1)
		members = append(members, s.d.Add(cfg))
	}
	s.do(s.d.SetGroups(s.now, []GroupConfig{{Name: "G", Members: members[:2]}}, nil))
	for _, id := range members {
		s.step(id, Event{Kind: EventStart})
	}
	s.until(epoch.Add(5 * time.Second))
	for _, a := range s.d.Shutdown(s.now, nil) {
		kinds = append(kinds, a.Kind)
	}
	want := []ActionKind{
		ActionSend, ActionSend, ActionSend, ActionAddresses, ActionAddresses, ActionAddresses,
		ActionChanged, ActionChanged, ActionChanged, ActionGroupChanged,
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	if !s.d.Deadline().IsZero() {
		t.Error("a timer still runs")
	}
	if again := s.d.Shutdown(s.now, nil); len(again) != 0 {
		t.Errorf("a second shutdown does %v", texts(again))
	}
}

// TestOldGenerationIsIgnored: an answer to a question of before says nothing.
func TestOldGenerationIsIgnored(t *testing.T) {
	b := newBench(t, v2(100))
	b.start()
	b.expire()
	b.step(Event{Kind: EventAddressLost}) // generation 2 before 1 was answered
	b.wantActions(b.step(Event{Kind: EventApplied, Gen: 1, Up: true}))
	b.wantActions(b.step(Event{Kind: EventApplied, Gen: 2, Up: false}),
		"announce 5 times", "BACKUP -> MASTER, priority 100 (no advert within the master-down interval)")
	b.wantActions(b.step(Event{Kind: EventApplied, Gen: 2, Up: true}))
}

// TestGroupOfOwners: owners that are to be master become it together and at
// once, and BACKUP is never told.
func TestGroupOfOwners(t *testing.T) {
	var got []string
	s := newStage(func(_ time.Time, a Action) {
		if a.Kind == ActionChanged || a.Kind == ActionGroupChanged {
			got = append(got, text(a))
		}
	})
	var members []ID
	for i := range 2 {
		cfg := v2(255)
		cfg.VRID, cfg.StartMaster = uint8(i+1), true
		members = append(members, s.d.Add(cfg))
	}
	s.do(s.d.SetGroups(s.now, []GroupConfig{{Name: "G", Members: members}}, nil))
	for _, id := range members {
		s.step(id, Event{Kind: EventStart})
	}
	s.until(s.now)
	want := []string{
		"INIT -> MASTER, priority 255 (address owner)",
		"INIT -> MASTER, priority 255 (sync group)",
		"INIT -> MASTER (sync group)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestGroupLosesAddress: the members do the same as the one that lost it.
func TestGroupLosesAddress(t *testing.T) {
	s := newStage(nil)
	var members []ID
	for i := range 2 {
		cfg := v2(100)
		cfg.VRID = uint8(i + 1)
		members = append(members, s.d.Add(cfg))
	}
	s.do(s.d.SetGroups(s.now, []GroupConfig{{Name: "G", Members: members}}, nil))
	for _, id := range members {
		s.step(id, Event{Kind: EventStart})
	}
	s.until(epoch.Add(5 * time.Second))
	for range lostLimit {
		s.step(members[0], Event{Kind: EventAddressLost})
		s.until(s.now.Add(100 * time.Millisecond))
	}
	zero := 0
	s.event = func(_ time.Time, a Action) {
		if a.Kind == ActionSend && a.Priority == 0 {
			zero++
		}
	}
	s.step(members[0], Event{Kind: EventAddressLost})
	if zero != 2 || s.d.Router(members[1]).state != Backup {
		t.Errorf("%d adverts of priority 0, the other member is %v", zero, s.d.Router(members[1]).state)
	}
	s.until(s.now.Add(700 * time.Millisecond))
	for _, id := range members {
		if s.d.Router(id).state != Master {
			t.Errorf("router %d is %v", id, s.d.Router(id).state)
		}
	}
}

// TestStatusIsACopy: what is given away does not change.
func TestStatusIsACopy(t *testing.T) {
	cfg := v2(100)
	cfg.Tracks = []Track{{Key: "script a", Weight: 10, Up: true}}
	b := newBench(t, cfg)
	cfg.Addresses[0] = netip.Addr{}
	if b.r.cfg.Addresses[0] != ip("10.9.9.9") {
		t.Error("the configuration is shared with the caller")
	}
	s := b.r.Status()
	b.start()
	b.step(Event{Kind: EventTrack, Key: "script a", Up: false})
	if s.State != Init || s.EffectivePriority != 110 || s.Contributions[0].Value != 10 {
		t.Errorf("%+v", s)
	}
}

// TestPriorityTable is keepalived's table of weight and reverse.
func TestPriorityTable(t *testing.T) {
	for _, c := range []struct {
		weight   int
		reverse  bool
		up, down int
	}{
		{20, false, 120, 100},
		{-20, false, 100, 80},
		{20, true, 80, 100},
		{-20, true, 100, 120},
		{253, false, 254, 100},
		{-253, false, 100, 1},
	} {
		for _, up := range []bool{true, false} {
			want := c.down
			if up {
				want = c.up
			}
			list := []track{{Track: Track{Weight: c.weight, Reverse: c.reverse, Up: up}}}
			if got := effectivePriority(100, list); int(got) != want {
				t.Errorf("%+v up %v: %d, want %d", c, up, got, want)
			}
			if got := effectivePriority(255, list); got != 255 {
				t.Errorf("the owner has %d", got)
			}
		}
	}
}

// TestNextOnGrid: the phase stays and nothing is made up for.
func TestNextOnGrid(t *testing.T) {
	for _, c := range []struct{ late, want time.Duration }{
		{0, time.Second},
		{time.Millisecond, time.Second},
		{time.Second, 2 * time.Second},
		{3300 * time.Millisecond, 4 * time.Second},
	} {
		if got := nextOnGrid(epoch, epoch.Add(c.late), time.Second).Sub(epoch); got != c.want {
			t.Errorf("late %v: %v, want %v", c.late, got, c.want)
		}
	}
}

// TestReasonOfATakeover: what shortened the wait for a master is the reason, not
// what came while it ran out; a wait that begins anew has none of before.
func TestReasonOfATakeover(t *testing.T) {
	for _, c := range []struct {
		hear []uint8
		want Reason
	}{
		{[]uint8{200, 50}, ReasonPreempt},
		{[]uint8{200, 0}, ReasonMasterStopped},
		{[]uint8{200, 0, 50}, ReasonMasterStopped},
		{[]uint8{200, 50, 0}, ReasonMasterStopped},
		{[]uint8{50, 200}, ReasonTimeout},
	} {
		b := newBench(t, v2(100))
		b.start()
		for _, p := range c.hear {
			b.hear(p, other)
		}
		b.expire()
		if got := b.r.Status().Reason; got != c.want {
			t.Errorf("after %v: %v, want %v", c.hear, got, c.want)
		}
	}
	// The other one of its group is not ready for a minute: by then nobody stops.
	for wait := range 4 {
		s := newStage(nil)
		a, b := s.d.Add(v2(100)), s.d.Add(v2(100))
		s.do(s.d.SetGroups(s.now, []GroupConfig{{Name: "G", Members: []ID{a, b}}}, nil))
		s.step(a, Event{Kind: EventStart})
		s.step(a, Event{Kind: EventAdvert, Advert: from(v2(200), 0), Src: other, Local: self})
		s.until(s.now.Add(time.Minute + time.Duration(wait)*time.Second))
		s.step(b, Event{Kind: EventStart})
		s.until(s.now.Add(time.Minute))
		for _, id := range []ID{a, b} {
			if st := s.d.Router(id).Status(); st.State != Master || st.Reason == ReasonMasterStopped {
				t.Errorf("after %d s, router %d: %v, %v", wait, id, st.State, st.Reason)
			}
		}
	}
}
