package engine

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp/link"
)

// parkingWire is a wire that can wait in Go's poller, and says so.
type parkingWire struct {
	link.Wire
	said *[]string
}

func (w parkingWire) Park(on bool) {
	if on {
		*w.said = append(*w.said, "park")
	} else {
		*w.said = append(*w.said, "do not park")
	}
}

// The engine takes a thread of its own, and gives it back, as the fastest of
// its routers asks for.
func TestPace(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var said []string
		a := l.node("a", "192.0.2.1/24")
		a.start(config(vr(1, 150)), func(d *Deps) {
			d.Wire = parkingWire{d.Wire, &said}
			d.Urgent = func() func() {
				said = append(said, "urgent")
				return func() { said = append(said, "not urgent") }
			}
		})
		time.Sleep(time.Second)
		fast := vr(2, 150)
		fast.AdvertInt = 100 * time.Millisecond
		for _, c := range []Config{config(vr(1, 150), fast), config(vr(1, 150))} {
			if err := a.eng.Reload(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		want := []string{"park", "do not park", "urgent", "not urgent", "park", "do not park"}
		if !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	})
}
