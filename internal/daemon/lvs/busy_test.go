package lvs

import (
	"testing"

	"holdfast/ipvs"
)

func TestWhatTheRoleIsBusyWith(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		seen := map[string]int{}
		r.refuse(func(ipvs.Op) error {
			b := r.lvs.Busy()
			if b == nil || b.Reading || b.Since.IsZero() || b.CameOn.Before(b.Since) {
				t.Fatalf("while the table is written: %+v", b)
			}
			seen[b.With]++
			return nil
		})
		r.start(configOf(virtual(1, 1)))
		if seen[busyStart] == 0 || len(seen) != 1 {
			t.Errorf("at the start: %v", seen)
		}
		if b := r.lvs.Busy(); b != nil {
			t.Errorf("at rest: %+v", b)
		}
		clear(seen)
		if err := r.lvs.Reload(t.Context(), configOf(virtual(1, 2), virtual(2, 1))); err != nil {
			t.Fatal(err)
		}
		if seen[busyReload] == 0 || len(seen) != 1 {
			t.Errorf("at a reload: %v", seen)
		}
		clear(seen)
		r.end()
		if seen[busyStop] == 0 || len(seen) != 1 {
			t.Errorf("at the stop: %v", seen)
		}
	})
}
