package lastadvert

import (
	"fmt"
	"testing"
	"time"
)

func TestTheRecordIsReadByPlace(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := 26*time.Hour + 123456789
	read := func(names []string, want map[string]time.Duration) {
		t.Helper()
		got, err := Read(f, names)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Errorf("read %v, want %v", got, want)
		}
		for name, when := range want {
			if have, ok := got[name]; !ok || have != when {
				t.Errorf("%s: %v, want %v", name, have, when)
			}
		}
	}
	names := r.Add([]string{"VI_1", "VI_2"})
	r.Note("VI_1", at)
	r.Note("VI_9", at) // which has no place
	read(names, map[string]time.Duration{"VI_1": at, "VI_2": 0})

	// A reload takes one away and adds others; the one that stays keeps its note.
	names = r.Add([]string{"VI_1", "VI_3"})
	r.Note("VI_2", at) // it sends until the reload is in force
	r.Keep([]string{"VI_1", "VI_3"})
	r.Note("VI_2", at)
	r.Note("VI_3", at+time.Second)
	read(names, map[string]time.Duration{"VI_1": at, "VI_2": 0, "VI_3": at + time.Second})
	names = r.Add([]string{"VI_1", "VI_3", "VI_4"})
	read(names, map[string]time.Duration{"VI_1": at, "VI_3": at + time.Second, "VI_4": 0})
	if len(names) != 3 {
		t.Errorf("a place that is free is not used again: %q", names)
	}
	r.Note("VI_1", 0) // a farewell
	read(names, map[string]time.Duration{"VI_1": 0, "VI_3": at + time.Second, "VI_4": 0})
}

func TestARecordThatIsFullHasNoPlaceForMore(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, capacity+1)
	for i := range many {
		many[i] = fmt.Sprint("VI_", i)
	}
	if names := r.Add(many); len(names) != capacity {
		t.Errorf("%d places", len(names))
	}
	r.Note(many[capacity], time.Second)
	r.Note(many[capacity-1], time.Second)
}
