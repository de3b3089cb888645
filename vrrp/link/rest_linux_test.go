package link

import (
	"sync"
	"testing"
	"time"
)

// A Wait that parks ends for the same reasons as one that takes a thread, and
// the one may follow the other.
func TestWirePark(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	wa, wb := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, wa, pa)
	open(t, wb, pb)
	body := unhex(t, recorded)[20:]
	for i := range 6 {
		wb.Park(i%3 != 2)
		if parks := wb.rest != nil; parks != (i%3 != 2) {
			t.Fatalf("parks: %v", parks)
		}

		var sender sync.WaitGroup
		sender.Go(func() {
			time.Sleep(time.Duration(i%2) * 10 * time.Millisecond) // before Wait sleeps, or after
			send1(wa, pa, body)
			send1(wa, pa, body)
		})
		if got := receive(t, wb, 2); len(got) != 2 {
			t.Errorf("round %d: got %d packets, want 2", i, len(got))
		}
		sender.Wait()

		begun := wb.Now()
		time.AfterFunc(10*time.Millisecond, wb.Wake)
		if ps, err := wb.Wait(time.Time{}); err != nil || len(ps) > 0 || wb.Now().Sub(begun) < 5*time.Millisecond {
			t.Errorf("round %d: woken after %v with %v, %v", i, wb.Now().Sub(begun), ps, err)
		}

		due := wb.Now().Add(10 * time.Millisecond)
		for wb.Now().Before(due) { // a timer of an earlier Wait may end it early, once
			if ps, err := wb.Wait(due); err != nil || len(ps) > 0 {
				t.Fatalf("round %d: Wait = %v, %v", i, ps, err)
			}
		}
	}
	wb.Park(true)
	if n := testing.AllocsPerRun(50, func() {
		send1(wa, pa, body)
		if ps, err := wb.Wait(wb.Now().Add(15 * time.Second)); err != nil || len(ps) != 1 {
			t.Errorf("Wait = %d packets, %v", len(ps), err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

var one [1]Datagram

func send1(w *EpollWire, p Port, body []byte) {
	one[0] = Datagram{Port: p, Dst: group, Body: body}
	w.Send(one[:])
}
