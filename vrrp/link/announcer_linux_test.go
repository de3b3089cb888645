package link

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func announcer(t testing.TB) *PacketAnnouncer {
	t.Helper()
	a, err := NewAnnouncer(nil)
	if err != nil {
		unable(t, err.Error())
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func mac(t testing.TB, s string) net.HardwareAddr {
	t.Helper()
	m, err := net.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The frame that keepalived 2.2.7 sent for 10.9.0.54.
const recordedARP = "ffffffffffff567adccde37b0806" + "0001080006040001567adccde37b0a090036ffffffffffff0a090036"

func TestGratuitousARP(t *testing.T) {
	got, err := gratuitousARP(mac(t, macA), addr("10.9.0.54"))
	if want := unhex(t, recordedARP); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %x, %v\nwant %x", got, err, want)
	}
	if _, err := gratuitousARP(nil, addr("192.0.2.1")); err == nil {
		t.Error("announced without a hardware address")
	}
	if _, err := gratuitousARP(mac(t, macA), netip.Addr{}); err == nil {
		t.Error("announced no address")
	}
}

// Neighbour advertisements that keepalived 2.2.7 sent, the second where the
// interface forwards.
func TestUnsolicitedNA(t *testing.T) {
	for _, tt := range []struct {
		addr, hw string
		router   bool
		want     string
	}{
		{
			"fe80::1:1", "76:99:5d:1d:8b:1d", false,
			"33330000000176995d1d8b1d86dd" + "6000000000203aff" + "fe800000000000000000000000010001" + "ff020000000000000000000000000001" +
				"8800fac520000000fe800000000000000000000000010001020176995d1d8b1d",
		},
		{
			"2001:db8::64", "00:00:5e:00:02:34", true,
			"33330000000100005e00023486dd" + "6000000000203aff" + "20010db8000000000000000000000064" + "ff020000000000000000000000000001" +
				"8800" + "NNNN" + "a000000020010db8000000000000000000000064020100005e000234",
		},
	} {
		got, err := unsolicitedNA(mac(t, tt.hw), addr(tt.addr), tt.router)
		if err != nil {
			t.Fatal(err)
		}
		want := unhex(t, strings.Replace(tt.want, "NNNN", "1a31", 1))
		if strings.Contains(tt.want, "NNNN") { // the sample has another source
			copy(want[14+40+2:], got[14+40+2:14+40+4])
		}
		if !bytes.Equal(got, want) {
			t.Errorf("got  %x\nwant %x", got, want)
		}
	}
	if _, err := unsolicitedNA(nil, addr("2001:db8::1"), false); err == nil {
		t.Error("announced without a hardware address")
	}
}

func TestAnnounce(t *testing.T) {
	if !inNetns(t) {
		return
	}
	ifa, ifb := veth(t, nil, nil)
	inOrder(t)
	next := capture(t, ifb, etherTypeARP)
	next6 := capture(t, ifb, etherTypeIPv6)
	a := announcer(t)
	addrs := []netip.Addr{addr("10.9.0.54"), addr("2001:db8::1"), addr("10.9.0.154")}
	if err := a.Announce(ifa, mac(t, macA), addrs, 2); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"10.9.0.54", "10.9.0.154", "10.9.0.54", "10.9.0.154"} {
		frame, err := gratuitousARP(mac(t, macA), addr(want))
		if got := next(); err != nil || !bytes.Equal(got, frame) {
			t.Errorf("frame %d: %x, want %x", i, got, frame)
		}
	}
	na, err := unsolicitedNA(mac(t, macA), addr("2001:db8::1"), false)
	for n := 0; n < 2; {
		got := next6()
		if got == nil {
			t.Fatalf("%d neighbour advertisements, want 2", n)
		}
		if got[14+6] != protoICMPv6 || got[14+40] != naType {
			continue // of the kernel
		}
		if n++; err != nil || !bytes.Equal(got, na) {
			t.Errorf("neighbour advertisement %x, want %x", got, na)
		}
	}
	if s := a.Stats(); s != (AnnouncerStats{Sent: 6}) {
		t.Errorf("stats %+v", s)
	}
}

// Many addresses do not hold up the caller, and every round comes whole and in
// order.
func TestAnnounceMany(t *testing.T) {
	if !inNetns(t) {
		return
	}
	ifa, ifb := veth(t, nil, nil)
	inOrder(t)
	next := capture(t, ifb, etherTypeARP)
	a := announcer(t)
	var addrs []netip.Addr
	for i := range 255 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{10, 9, 1, byte(i)}))
	}
	start := time.Now()
	if err := a.Announce(ifa, mac(t, macA), addrs, 5); err != nil {
		t.Fatal(err)
	}
	returned := time.Since(start)
	for i := range 5 * 255 {
		f := next()
		if f == nil {
			t.Fatalf("frame %d is missing; %+v", i, a.Stats())
		}
		if want := addrs[i%255]; netip.AddrFrom4([4]byte(f[28:32])) != want {
			t.Fatalf("frame %d announces %v, want %v", i, f[28:32], want)
		}
	}
	t.Logf("Announce of 1,275 frames returned after %v, the last was read after %v", returned, time.Since(start))
	// They are counted when the kernel has returned, which the last one read may
	// be ahead of.
	s := a.Stats()
	for end := time.Now().Add(30 * time.Second); s.Sent < 5*255 && time.Now().Before(end); s = a.Stats() {
		time.Sleep(time.Millisecond)
	}
	if s.Sent != 5*255 || s.Dropped+s.Stale+s.Failed != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAnnounceGoneInterface(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a := announcer(t)
	if err := a.Announce(4711, mac(t, macA), []netip.Addr{addr("192.0.2.1"), addr("192.0.2.2")}, 1); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s != (AnnouncerStats{Failed: 2}) {
		t.Errorf("stats %+v", s)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Announce(1, mac(t, macA), []netip.Addr{addr("192.0.2.1")}, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// What the device has no room for comes later, complete and in order.
func TestAnnouncerRetries(t *testing.T) {
	a := announcer(t)
	var got []netip.Addr
	sent := make(chan netip.Addr, 100)
	calls := 0
	a.send = func(_ *garpSender, frames []garpFrame) (int, int) {
		calls++
		n := min(len(frames), []int{2, 0, 1, garpBatch}[min(calls, 4)-1])
		for _, f := range frames[:n] {
			sent <- f.addr
		}
		return n, 0
	}
	var want []netip.Addr
	for i := range 6 {
		want = append(want, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	if err := a.Announce(2, mac(t, macA), want, 1); err != nil {
		t.Fatal(err)
	}
	for len(got) < len(want) {
		select {
		case x := <-sent:
			got = append(got, x)
		case <-time.After(30 * time.Second):
			t.Fatalf("got %v only", got)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	eventually(t, "the count", func() bool { return a.Stats() == AnnouncerStats{Sent: 6, Queued: 4} })
}

// However many calls come at once, few frames are sent on the caller's time.
func TestAnnounceBudget(t *testing.T) {
	a := &PacketAnnouncer{fd: -1, more: make(chan struct{}, 1)}
	a.send = func(_ *garpSender, frames []garpFrame) (int, int) { return len(frames), 0 }
	start := time.Now()
	for range 255 {
		if err := a.Announce(2, mac(t, macA), []netip.Addr{addr("192.0.2.1")}, 5); err != nil {
			t.Fatal(err)
		}
	}
	windows := int(time.Since(start)/garpWindow) + 1
	// In a window that began a moment ago nothing has to wait yet.
	if s := a.Stats(); int(s.Sent) > windows*garpBatch || a.queue.n > 1 || windows == 1 && a.queue.n == 0 || int(s.Sent) < 5 {
		t.Errorf("%d sent in %d windows, %d wait", s.Sent, windows, a.queue.n)
	}
}
