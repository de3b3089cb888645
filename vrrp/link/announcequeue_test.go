package link

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var testMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}

// play is a queue in a test's own time; every frame is written down.
type play struct {
	t   *testing.T
	q   announceQueue
	now time.Time
	log []string
}

func newPlay(t *testing.T) *play { return &play{t: t, now: time.Unix(100, 0)} }

func (p *play) add(ifindex, rounds int, addrs ...string) {
	p.t.Helper()
	list := make([]netip.Addr, 0, len(addrs))
	for _, a := range addrs {
		list = append(list, addr(a))
	}
	if n := p.q.add(ifindex, testMAC, list, rounds); n > 0 {
		p.t.Errorf("no room for %d addresses", n)
	}
}

// pick takes frames at the present and returns how many were called back.
func (p *play) pick(limit int) (stale int) {
	frames, stale := p.q.pick(nil, p.now, limit, func(int) bool { return false })
	for _, f := range frames {
		p.log = append(p.log, fmt.Sprintf("%s%%%d", f.addr, f.ifindex))
	}
	return stale
}

// run lets time pass until nothing waits, frame by frame, and writes the
// milliseconds before each.
func (p *play) run() {
	p.t.Helper()
	start := p.now
	for range 1000 {
		if p.q.empty() {
			return
		}
		if d := p.q.due(); d.After(p.now) {
			p.now = d
		}
		n := len(p.log)
		p.pick(1)
		for i := range p.log[n:] {
			p.log[n+i] = fmt.Sprintf("%d:%s", p.now.Sub(start).Milliseconds(), p.log[n+i])
		}
	}
	p.t.Fatal("the queue never empties")
}

func (p *play) want(want string) {
	p.t.Helper()
	if got := strings.Join(p.log, " "); got != want {
		p.t.Errorf("got  %s\nwant %s", got, want)
	}
	p.log = nil
}

// Rounds go over all addresses of a call, both families in their order; of
// several calls every one has its first round before any has its second.
func TestAnnounceQueueOrder(t *testing.T) {
	p := newPlay(t)
	p.add(1, 2, "192.0.2.1", "2001:db8::1", "192.0.2.2")
	p.pick(100)
	p.want("192.0.2.1%1 2001:db8::1%1 192.0.2.2%1 192.0.2.1%1 2001:db8::1%1 192.0.2.2%1")
	p.add(1, 2, "192.0.2.1")
	p.add(1, 2, "192.0.2.2")
	p.add(1, 1, "192.0.2.3")
	p.pick(100)
	p.want("192.0.2.1%1 192.0.2.2%1 192.0.2.3%1 192.0.2.1%1 192.0.2.2%1")
	if !p.q.empty() || p.q.n != 0 || len(p.q.jobs) != 0 {
		t.Errorf("%+v is left", p.q)
	}
}

// Interfaces take turns, so that one with much to say does not keep another
// waiting.
func TestAnnounceQueueTurns(t *testing.T) {
	p := newPlay(t)
	p.add(1, 3, "192.0.2.1")
	p.add(2, 3, "192.0.2.2")
	p.pick(2)
	p.pick(2)
	p.pick(2)
	p.want("192.0.2.1%1 192.0.2.1%1 192.0.2.2%2 192.0.2.2%2 192.0.2.1%1 192.0.2.2%2")
}

// Gaps hold for each family by itself, on all interfaces of a group together,
// and beyond the end of the queue.
func TestAnnounceQueuePace(t *testing.T) {
	p := newPlay(t)
	p.q.pace(map[int]Pace{
		1: {Group: 1, ARP: 100 * time.Millisecond, NA: 50 * time.Millisecond},
		2: {Group: 1, ARP: 100 * time.Millisecond, NA: 50 * time.Millisecond},
		3: {Group: 2, ARP: 30 * time.Millisecond},
	})
	p.add(1, 2, "192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2")
	p.add(2, 1, "192.0.2.3")
	p.run()
	p.want("0:192.0.2.1%1 0:2001:db8::1%1 50:2001:db8::2%1 100:192.0.2.2%1 100:2001:db8::1%1 150:2001:db8::2%1 " +
		"200:192.0.2.3%2 300:192.0.2.1%1 400:192.0.2.2%1")
	p.now = p.now.Add(40 * time.Millisecond)
	p.add(2, 1, "192.0.2.3")
	p.run()
	p.want("60:192.0.2.3%2")
	p.add(3, 2, "192.0.2.4", "2001:db8::4")
	p.add(4, 1, "192.0.2.5")
	p.run()
	p.want("0:192.0.2.4%3 0:2001:db8::4%3 0:192.0.2.5%4 0:2001:db8::4%3 30:192.0.2.4%3")
}

// A call for what waits already adds nothing but the rounds that are missing.
func TestAnnounceQueueMerges(t *testing.T) {
	p := newPlay(t)
	p.q.pace(map[int]Pace{1: {ARP: time.Second}})
	for range 100 {
		p.add(1, 2, "192.0.2.1", "192.0.2.2")
	}
	p.pick(1)
	p.add(1, 1, "192.0.2.1", "192.0.2.2")
	if p.q.n != 2 {
		t.Errorf("%d addresses wait, want 2", p.q.n)
	}
	p.run()
	p.want("192.0.2.1%1 1000:192.0.2.2%1 2000:192.0.2.1%1 3000:192.0.2.2%1")
	p.pick(1)
	p.add(1, 1, "192.0.2.1", "192.0.2.2")
	p.now = p.now.Add(time.Hour)
	p.pick(1)
	p.add(1, 1, "192.0.2.1", "192.0.2.2") // one round more than the one that has begun
	p.run()
	p.want("192.0.2.1%1 1000:192.0.2.2%1 2000:192.0.2.1%1 3000:192.0.2.2%1")
}

// What was called back does not leave, unless it is announced again.
func TestAnnounceQueueForget(t *testing.T) {
	p := newPlay(t)
	p.add(1, 2, "192.0.2.1", "192.0.2.2")
	p.add(2, 1, "192.0.2.1")
	p.q.forget(1, []netip.Addr{addr("192.0.2.1")})
	if stale := p.pick(100); stale != 2 {
		t.Errorf("%d called back, want 2", stale)
	}
	p.want("192.0.2.2%1 192.0.2.2%1 192.0.2.1%2")

	p.add(1, 1, "192.0.2.1", "192.0.2.2")
	p.q.forget(1, []netip.Addr{addr("192.0.2.1"), addr("192.0.2.2")})
	p.add(1, 1, "192.0.2.1", "192.0.2.2")
	p.pick(100)
	p.want("192.0.2.1%1 192.0.2.2%1")

	frames, _ := p.q.pick(nil, p.now, 1, nil)
	if len(frames) != 0 {
		t.Fatal("something is left")
	}
	p.add(1, 1, "192.0.2.1", "192.0.2.2")
	frames, _ = p.q.pick(nil, p.now, 10, nil)
	p.q.putBack(frames)
	p.q.forget(1, []netip.Addr{addr("192.0.2.1")})
	p.pick(100)
	p.want("192.0.2.2%1")
	if len(p.q.gone) != 0 {
		t.Error("what is forgotten is remembered for ever")
	}
}

// Other gaps apply to what waits already.
func TestAnnounceQueueChangesPace(t *testing.T) {
	p := newPlay(t)
	p.add(1, 2, "192.0.2.1", "2001:db8::1")
	p.q.pace(map[int]Pace{1: {ARP: 10 * time.Millisecond}})
	p.run()
	p.want("0:192.0.2.1%1 0:2001:db8::1%1 0:2001:db8::1%1 10:192.0.2.1%1")
	p.add(1, 3, "192.0.2.1")
	p.pick(1)
	p.q.pace(nil)
	p.pick(100)
	p.want("192.0.2.1%1 192.0.2.1%1 192.0.2.1%1")
}

func TestAnnounceQueueIsBounded(t *testing.T) {
	p := newPlay(t)
	var list []netip.Addr
	for a := addr("10.0.0.0"); len(list) < garpQueue; a = a.Next() {
		list = append(list, a)
	}
	if n := p.q.add(1, testMAC, list, 5); n != 0 {
		t.Errorf("no room for %d", n)
	}
	if n := p.q.add(2, testMAC, list[:7], 5); n != 7 {
		t.Errorf("%d were dropped, want 7", n)
	}
	if n := p.q.clear(); n != 5*garpQueue || !p.q.empty() {
		t.Errorf("cleared %d", n)
	}
}

// 4,000 routers that take over in one moment, are announced, and give up.
func TestAnnounceQueueManyRouters(t *testing.T) {
	p := newPlay(t)
	a := addr("10.0.0.0")
	var all []netip.Addr
	for range 4000 {
		p.q.add(1, testMAC, []netip.Addr{a}, 5)
		all, a = append(all, a), a.Next()
	}
	var got []netip.Addr
	for len(got) < 4000 {
		frames, _ := p.q.pick(nil, p.now, garpBatch, nil)
		for _, f := range frames {
			got = append(got, f.addr)
		}
	}
	if !slices.Equal(got[:4000], all) {
		t.Error("the first 4,000 frames are not the first round")
	}
	for _, a := range all {
		p.q.forget(1, []netip.Addr{a})
	}
	stale := p.pick(1)
	if len(p.log) != 0 || stale == 0 || !p.q.empty() {
		t.Errorf("after all were called back %v leave, %d did not", p.log, stale)
	}
}
