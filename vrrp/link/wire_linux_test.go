package link

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var group = addr("224.0.0.18")

func wire(t testing.TB, cfg WireConfig) *EpollWire {
	t.Helper()
	w, err := OpenWire(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func open(t testing.TB, w *EpollWire, ports ...Port) {
	t.Helper()
	if failed := w.Open(ports); len(failed) > 0 {
		t.Fatalf("Open: %v", failed)
	}
}

func send(t testing.TB, w *EpollWire, p Port, dst string, bodies ...[]byte) {
	t.Helper()
	batch := make([]Datagram, 0, len(bodies))
	for _, b := range bodies {
		batch = append(batch, Datagram{Port: p, Dst: addr(dst), Body: b})
	}
	w.Send(batch)
	for _, d := range batch {
		if d.Err != nil {
			t.Fatalf("Send: %v", d.Err)
		}
	}
}

// receive waits for n packets, for as long as a busy machine may take, and copies
// them.
func receive(t testing.TB, w *EpollWire, n int) []Packet {
	t.Helper()
	var got []Packet
	for end := w.Now().Add(15 * time.Second); len(got) < n && w.Now().Before(end); {
		ps, err := w.Wait(end)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			p.Body = bytes.Clone(p.Body)
			got = append(got, p)
		}
	}
	return got
}

// quiet fails when anything arrives within 50 ms.
func quiet(t testing.TB, w *EpollWire) {
	t.Helper()
	ps, err := w.Wait(w.Now().Add(50 * time.Millisecond))
	if err != nil || len(ps) > 0 {
		t.Fatalf("heard %v, %v; want nothing", ps, err)
	}
}

func TestWireMulticast(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	other := Port{Ifindex: b, Group: addr("224.0.0.77")}
	wa, wb, wo := wire(t, WireConfig{}), wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, wa, pa)
	open(t, wb, pb)
	open(t, wo, other)

	if src, ok := wa.SourceOf(pa); !ok || src != addr("10.9.0.2") {
		t.Errorf("SourceOf = %v, %v", src, ok)
	}
	before := wb.Now()
	body := unhex(t, recorded)[20:]
	send(t, wa, pa, "224.0.0.18", body)
	got := receive(t, wb, 1)
	if len(got) != 1 {
		t.Fatalf("got %d packets, want 1", len(got))
	}
	p := got[0]
	if p.Arrived.Before(before) || p.Arrived.After(wb.Now()) {
		t.Errorf("arrived at %v, not between %v and now", p.Arrived, before)
	}
	p.Arrived, p.Body, p.ID = time.Time{}, nil, 0 // the kernel chose the ID
	want := Packet{Port: pb, Src: addr("10.9.0.2"), Dst: group, TTL: 255, TotalLen: len(body)}
	if fmt.Sprint(p) != fmt.Sprint(want) || !bytes.Equal(got[0].Body, body) {
		t.Errorf("got %+v with body %x", p, got[0].Body)
	}
	quiet(t, wa) // no loop
	quiet(t, wo) // another group
	if s, ok := wb.PortStats(pb); !ok || s.Received != 1 || s.QueueDrops != 0 {
		t.Errorf("stats of the receiver %+v, %v", s, ok)
	}
	if s, _ := wa.PortStats(pa); s.Sent != 1 {
		t.Errorf("stats of the sender %+v", s)
	}
}

// A frame of ours differs from keepalived's in nothing but the IP
// identification and the checksum that covers it.
func TestWireFrameIsKeepalived(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, nil)
	run(t, "ip", "neigh", "add", "10.9.0.1", "lladdr", macB, "dev", "va", "nud", "permanent")
	next := capture(t, b, unix.ETH_P_IP)
	w := wire(t, WireConfig{})
	multi := Port{Ifindex: a, Group: group}
	uni := Port{Ifindex: a, Source: addr("10.9.0.2")}
	fixed := Port{Ifindex: a, Group: group, Source: addr("192.0.2.9")}
	open(t, w, multi, uni, fixed)
	for _, tt := range []struct {
		name, dst, frame string
		port             Port
	}{
		{
			"multicast", "224.0.0.18",
			"01005e000012567adccde37b080045c0002800010000ff70d0870a090002e0000012213364010001708e0a0900330000000000000000", multi,
		},
		{
			"unicast", "10.9.0.1",
			"fac7cc8ffccc567adccde37b080045c0002800010000ff70a6900a0900020a09000121396401000170820a0900390000000000000000", uni,
		},
		{
			"multicast from an address that is not ours", "224.0.0.18",
			"01005e000012567adccde37b080045c0002800010000ff70d087c0000209e0000012213364010001708e0a0900330000000000000000", fixed,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.frame)
			send(t, w, tt.port, tt.dst, want[34:])
			got := next()
			if len(got) != len(want) {
				t.Fatalf("got frame %x, want %x", got, want)
			}
			copy(got[18:20], want[18:20]) // identification
			copy(got[24:26], want[24:26]) // checksum
			if !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

func TestWireUnicast(t *testing.T) {
	if !inNetns(t) {
		return
	}
	lo := index(t, "lo")
	one, two := Port{Ifindex: lo, Source: addr("127.0.0.1")}, Port{Ifindex: lo, Source: addr("127.0.0.2")}
	w1, w2 := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, w1, one)
	open(t, w2, two)
	send(t, w1, one, "127.0.0.2", []byte("there"))
	got := receive(t, w2, 1)
	if len(got) != 1 || got[0].Src != addr("127.0.0.1") || got[0].Dst != addr("127.0.0.2") || got[0].Port != two || string(got[0].Body) != "there" {
		t.Errorf("got %+v", got)
	}
	quiet(t, w1)
}

func TestWireRefuses(t *testing.T) {
	w := wire(t, WireConfig{})
	for _, tt := range []struct {
		port Port
		want string
	}{
		{Port{Ifindex: 1}, "link: port on interface 1: neither a group nor a source address"},
		{Port{Group: addr("ff02::12")}, "link: port ff02::12: a group needs an interface"},
		{Port{Source: addr("fe80::1")}, "link: port fe80::1: a link-local address needs an interface"},
		{Port{Ifindex: 1, Group: addr("ff02::12"), Source: addr("192.0.2.1")}, "link: port ff02::12 on interface 1: source 192.0.2.1 is not of its family"},
		{Port{Ifindex: 1, Group: addr("192.0.2.1")}, "link: port on interface 1: 192.0.2.1 is not a multicast group"},
		{Port{Group: group}, "link: port 224.0.0.18: a group needs an interface"},
		{Port{Ifindex: 1, Group: group, Source: addr("2001:db8::1")}, "link: port 224.0.0.18 on interface 1: source 2001:db8::1 is not of its family"},
	} {
		failed := w.Open([]Port{tt.port})
		if err := failed[tt.port]; err == nil || err.Error() != tt.want {
			t.Errorf("Open(%v) = %v, want %q", tt.port, err, tt.want)
		}
	}
	batch := []Datagram{{Port: Port{Ifindex: 1, Group: group}, Dst: group, Body: []byte{1}}}
	if w.Send(batch); batch[0].Err != ErrPortClosed {
		t.Errorf("Send on a closed port: %v", batch[0].Err)
	}
}

// Every datagram of a batch has its own fate, in whatever order the ports mix.
func TestWireSendErrors(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	run(t, "ip", "link", "add", "name", "vc", "type", "veth", "peer", "name", "vd") // stays down
	down := Port{Ifindex: index(t, "vc"), Group: group}
	w, hear := wire(t, WireConfig{}), wire(t, WireConfig{})
	inOrder(t)
	open(t, w, pa, down)
	open(t, hear, pb)
	batch := []Datagram{
		{Port: pa, Dst: group, Body: []byte("1")},
		{Port: down, Dst: group, Body: []byte("down")},
		{Port: pa, Dst: group},
		{Port: pa, Dst: addr("ff02::12"), Body: []byte("other family")},
		{Port: pb, Dst: group, Body: []byte("not open")},
		{Port: pa, Dst: group, Body: []byte("2")},
	}
	w.Send(batch)
	for i, want := range []error{nil, unix.ENETUNREACH, unix.EMSGSIZE, unix.EAFNOSUPPORT, ErrPortClosed, nil} {
		if batch[i].Err != want {
			t.Errorf("datagram %d: %v, want %v", i, batch[i].Err, want)
		}
	}
	got := receive(t, hear, 2)
	if len(got) != 2 || string(got[0].Body) != "1" || string(got[1].Body) != "2" {
		t.Errorf("heard %v", got)
	}
}

// More than a slab holds, and more than one sendmmsg, keeps its order.
func TestWireBurst(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	inOrder(t)
	w, first, hear := wire(t, WireConfig{}), wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, w, pa)
	open(t, first, pb)
	open(t, hear, pb)
	const n = 3*txMax + 7
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = fmt.Appendf(nil, "message %d", i)
	}
	// What another socket has this one has as well, but for the last one perhaps,
	// if the kernel sees to the other one first: then once more.
	most := 0
	for try := 0; most < n; try++ {
		send(t, w, pa, "224.0.0.18", bodies...)
		if got := receive(t, first, n); len(got) != n {
			t.Fatalf("%d of %d packets", len(got), n)
		}
		for i := 0; i < n; {
			ps, err := hear.Wait(hear.Now().Add(15 * time.Second))
			if err != nil || len(ps) == 0 {
				t.Fatalf("%d of %d packets, %v", i, n, err)
			}
			most = max(most, len(ps))
			for _, p := range ps {
				if string(p.Body) != string(bodies[i]) {
					t.Fatalf("packet %d is %q", i, p.Body)
				}
				i++
			}
		}
		if try == 20 {
			t.Fatalf("one Wait returned %d packets at most, want all %d", most, n)
		}
	}
}

func TestWireWake(t *testing.T) {
	w := wire(t, WireConfig{})
	wait := func(limit time.Duration) time.Duration {
		start := w.Now()
		if ps, err := w.Wait(start.Add(limit)); err != nil || len(ps) > 0 {
			t.Fatalf("Wait = %v, %v", ps, err)
		}
		return w.Now().Sub(start)
	}
	w.Wake()
	w.Wake()
	if d := wait(time.Minute); d > 30*time.Second {
		t.Errorf("a Wake before Wait: returned after %v", d)
	}
	if d := wait(20 * time.Millisecond); d < 20*time.Millisecond {
		t.Errorf("two Wakes made two Waits return, the second after %v", d)
	}
	time.AfterFunc(20*time.Millisecond, w.Wake)
	if d := wait(time.Minute); d > 30*time.Second {
		t.Errorf("a Wake while waiting: returned after %v", d)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				w.Wake()
			}
		})
	}
	wg.Wait()
	w.Close()
	w.Wake() // does nothing
	if _, err := w.Wait(time.Time{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Wait after Close: %v", err)
	}
}

// A deadline is never early, also when a later one was asked for before.
func TestWireDeadline(t *testing.T) {
	w := wire(t, WireConfig{})
	late := make([]time.Duration, 0, 200)
	for i := range 200 {
		after := time.Duration(1+i%3) * time.Millisecond
		if i%10 == 9 {
			w.Wake()
			if _, err := w.Wait(w.Now().Add(time.Millisecond / 2)); err != nil { // leaves a timer behind
				t.Fatal(err)
			}
		}
		deadline := w.Now().Add(after)
		if ps, err := w.Wait(deadline); err != nil || len(ps) > 0 {
			t.Fatalf("Wait = %v, %v", ps, err)
		}
		d := w.Now().Sub(deadline)
		if d < 0 {
			t.Fatalf("%v early", -d)
		}
		late = append(late, d)
	}
	slices.Sort(late)
	t.Logf("lateness p50 %v p99 %v max %v", late[100], late[198], late[199])
	if late[100] > 500*time.Millisecond { // a busy machine is late; one that waits for something else never comes
		t.Errorf("half of all deadlines are late by %v or more", late[100])
	}
	start := w.Now()
	if _, err := w.Wait(start.Add(-time.Hour)); err != nil || w.Now().Sub(start) > 30*time.Second {
		t.Errorf("a deadline that has passed: %v after %v", err, w.Now().Sub(start))
	}
}

// Whoever slept past a deadline gets what arrived before it is told of it.
func TestWirePacketsBeforeDeadline(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	w, hear := wire(t, WireConfig{}), wire(t, WireConfig{})
	open(t, w, pa)
	open(t, hear, pb)
	next := capture(t, b, unix.ETH_P_IP)
	deadline := hear.Now().Add(10 * time.Millisecond)
	send(t, w, pa, "224.0.0.18", []byte("1"), []byte("2"))
	for range 2 {
		if next() == nil {
			t.Fatal("nothing arrives")
		}
	}
	time.Sleep(30 * time.Millisecond)
	ps, err := hear.Wait(deadline)
	if err != nil || len(ps) != 2 {
		t.Fatalf("Wait past the deadline = %v, %v; want two packets", ps, err)
	}
	if ps, err = hear.Wait(deadline); err != nil || len(ps) != 0 {
		t.Fatalf("the next Wait = %v, %v; want the deadline", ps, err)
	}
}

// A packet that comes alone is read at once; one that follows closely waits
// for others.
func TestWireCoalescesStreamsOnly(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	for range 100 {
		if coalesces(t, pa, pb) {
			return
		}
	}
	t.Error("the machine is too busy to tell")
}

// coalesces tells what three packets show; false: the second came too late to
// tell.
func coalesces(t *testing.T, pa, pb Port) (known bool) {
	w, hear := wire(t, WireConfig{}), wire(t, WireConfig{})
	defer w.Close()
	defer hear.Close()
	open(t, w, pa)
	open(t, hear, pb)
	var began, before time.Time
	for i, want := range []uint64{0, 1, 1} {
		began, before = time.Now(), began
		if i == 2 {
			time.Sleep(2 * time.Duration(busyTime))
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			time.Sleep(time.Millisecond) // after the other sleeps in Wait
			send(t, w, pa, "224.0.0.18", []byte("1"))
		}()
		if ps, err := hear.Wait(hear.Now().Add(30 * time.Second)); err != nil || len(ps) != 1 {
			t.Fatalf("%d packets and %v", len(ps), err)
		}
		<-sent
		// The first one was heard after that, and however long this test was kept
		// from going on in between.
		if i == 1 && time.Since(before) >= time.Duration(busyTime) {
			return false
		}
		if got := hear.Stats().Coalesced; got != want {
			t.Errorf("packet %d: coalesced %d times, want %d", i, got, want)
		}
	}
	return true
}
