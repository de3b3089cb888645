package link

import (
	"fmt"
	"strings"
	"testing"
	"time"

	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func TestWorstOfNews(t *testing.T) {
	for want, types := range map[newsKind][]uint16{
		noNews:      {},
		ofAddition:  {unix.RTM_NEWADDR, unix.RTM_NEWADDR},
		ofRemoval:   {unix.RTM_NEWADDR, unix.RTM_DELADDR, unix.RTM_NEWADDR},
		ofInterface: {unix.RTM_DELADDR, unix.RTM_NEWLINK, unix.RTM_NEWADDR},
	} {
		var msgs []mdnetlink.Message
		for _, x := range types {
			msgs = append(msgs, mdnetlink.Message{Header: mdnetlink.Header{Type: mdnetlink.HeaderType(x)}})
		}
		if got := worstOf(msgs); got != want {
			t.Errorf("%v: %d, want %d", types, got, want)
		}
	}
}

// Additions are looked at when no more come, or when too many have come; the
// rest is not put off by them.
func TestHowLongNewsWait(t *testing.T) {
	const ms = time.Millisecond
	t0 := time.Now()
	for _, c := range []struct {
		kind      newsKind
		last, now time.Duration // since the first
		want      time.Duration
	}{
		{ofInterface, 0, 0, 0},
		{ofRemoval, 0, 0, watchPause},
		{ofRemoval, 4 * ms, 4 * ms, watchPause - 4*ms},
		{ofRemoval, 6 * ms, 6 * ms, 0},
		{ofAddition, 0, 0, watchQuiet},
		{ofAddition, 300 * ms, 300 * ms, watchQuiet},
		{ofAddition, 300 * ms, 300*ms + watchQuiet, 0},
		{ofAddition, watchStream - ms, watchStream - ms, ms},
		{ofAddition, watchStream, watchStream, 0},
	} {
		p := newPending()
		p.put(c.kind)
		p.last = t0.Add(c.last)
		if got := p.wait(t0.Add(c.now), t0); got != c.want {
			t.Errorf("%d, the last after %v, at %v: %v, want %v", c.kind, c.last, c.now, got, c.want)
		}
		if taken := p.kind == noNews && len(p.kick) == 0; taken != (c.want == 0) {
			t.Errorf("%d, the last after %v, at %v: looked at %v", c.kind, c.last, c.now, taken)
		}
	}
}

// What one call of the reader takes is everything that was there.
func TestNewsAreTakenTogether(t *testing.T) {
	if !inNetns(t) {
		return
	}
	veth(t, nil, nil)
	w := NewWatcher(nil)
	defer w.Close()
	conn, err := w.subscribe()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const n = 300
	var batch strings.Builder
	for i := range n {
		fmt.Fprintf(&batch, "addr add 10.9.%d.%d/32 dev va\n", i/200, i%200+1)
	}
	run(t, "sh", "-c", "printf '"+batch.String()+"' | ip -batch -")
	in := newNewsReader(conn)
	msgs, err := in.receive()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range msgs {
		// An address that is removed is told in the same form.
		if a, ok := removedAddress(m.Data); ok && m.Header.Type == unix.RTM_NEWADDR {
			seen[a.Prefix.String()] = true
		}
	}
	if len(seen) != n || !seen["10.9.1.100/32"] {
		t.Errorf("%d addresses in %d messages", len(seen), len(msgs))
	}
	_ = conn.SetReadDeadline(time.Unix(1, 0))
	if msgs, err := in.receive(); err == nil || len(msgs) != 0 {
		t.Errorf("after the deadline: %d messages, %v", len(msgs), err)
	}
}
