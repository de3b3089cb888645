package vrrp

import (
	"testing"
	"time"
)

// TestScaledTrack: what the number of a file does to the priority, and when it
// is a cause of FAULT (keepalived 2.2.7 does the same, see the labs).
func TestScaledTrack(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		name    string
		base    uint8
		weight  int
		reverse bool
		value   int
		want    uint8
		fault   bool
	}{
		{"added", 100, 2, false, 10, 120, false},
		{"subtracted", 100, 2, false, -10, 80, false},
		{"reverse", 100, 2, true, 10, 80, false},
		{"at least 1", 100, 1, false, -253, 1, false},
		{"at most 254", 100, 1, false, 1000, 254, false},
		{"cut at 253", 1, 1, false, 1000, 254, false},
		{"-254 is FAULT", 100, 2, false, -127, 100, true},
		{"far below is FAULT", 100, -254, false, MaxTrackValue, 100, true},
		{"far above is none", 100, 254, false, MaxTrackValue, 254, false},
		{"weight 0, number 0", 100, 0, false, 0, 100, false},
		{"weight 0, number 1", 100, 0, false, 1, 100, true},
		{"weight 0 reverse, number 0", 100, 0, true, 0, 100, true},
		{"weight 0 reverse, number -1", 100, 0, true, -1, 100, false},
		{"an owner", 255, 2, false, -127, 255, false},
		{"an owner, weight 0", 255, 0, false, 1, 255, true},
	} {
		r := NewRouter(Config{Priority: c.base, Version: 3, Tracks: []Track{{Key: "file f", Weight: c.weight, Reverse: c.reverse, Scaled: true, Pending: true}}})
		r.Step(now, &Event{Kind: EventTrack, Key: "file f", Value: c.value}, nil)
		r.Step(now, &Event{Kind: EventStart}, nil)
		st := r.Status()
		if st.EffectivePriority != c.want || (st.State == Fault) != c.fault || st.Contributions[0].Up == c.fault {
			t.Errorf("%s: %v, priority %d, %+v", c.name, st.State, st.EffectivePriority, st.Contributions)
		}
	}
}

// TestScaledFaultKeepsPriority: while a file means FAULT the priority stays
// what it was.
func TestScaledFaultKeepsPriority(t *testing.T) {
	now := time.Unix(1000, 0)
	r := NewRouter(Config{Priority: 100, Version: 3, Tracks: []Track{{Key: "file f", Weight: 1, Scaled: true, Pending: true}}})
	set := func(v int, want uint8, state State) {
		t.Helper()
		r.Step(now, &Event{Kind: EventTrack, Key: "file f", Value: v}, nil)
		if st := r.Status(); st.EffectivePriority != want || st.State != state {
			t.Errorf("%d: %v with %d, want %v with %d", v, st.State, st.EffectivePriority, state, want)
		}
	}
	r.Step(now, &Event{Kind: EventStart}, nil)
	set(20, 120, Backup)
	set(-300, 120, Fault)
	set(-400, 120, Fault)
	set(-5, 95, Backup)
}

// TestScaledInGroup: a file of the group counts for every member, with the
// group's weight where a member tracks it too; FAULT takes all members along.
func TestScaledInGroup(t *testing.T) {
	now := time.Unix(1000, 0)
	d := NewDirector()
	one := d.Add(Config{Priority: 100, Version: 3, Tracks: []Track{{Key: "file f", Weight: 1, Scaled: true, Pending: true}}})
	two := d.Add(Config{Priority: 90, Version: 3})
	acts := d.SetGroups(now, []GroupConfig{{Name: "G", Members: []ID{one, two}, Tracks: []Track{{Key: "file f", Weight: 2, Scaled: true, Pending: true}}}}, nil)
	ids := []ID{one, two}
	for _, id := range ids {
		acts = d.Step(now, id, &Event{Kind: EventTrack, Key: "file f", Value: 5}, acts)
	}
	for _, id := range ids {
		acts = d.Step(now, id, &Event{Kind: EventStart}, acts)
	}
	if a, b := d.Router(one).Status(), d.Router(two).Status(); a.EffectivePriority != 110 || b.EffectivePriority != 100 || a.State != Backup {
		t.Errorf("%v %d, %v %d", a.State, a.EffectivePriority, b.State, b.EffectivePriority)
	}
	acts = d.Step(now, two, &Event{Kind: EventTrack, Key: "file f", Value: -127}, acts)
	if a, b := d.Router(one).Status(), d.Router(two).Status(); a.State != Fault || b.State != Fault {
		t.Errorf("%v and %v, want both in FAULT", a.State, b.State)
	}
	_ = acts
}
