package bfd

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire is the transport of two nodes.
type wire struct {
	mu    sync.Mutex
	nodes map[netip.Addr]*Node
	cut   bool
	ttl   int
}

type end struct {
	*wire
	addr netip.Addr
}

func (e end) listen(bool, uint16) error { return nil }
func (e end) forget(string)             {}
func (e end) close()                    {}

func (e end) send(i *Instance, b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	to := e.nodes[i.Neighbor]
	if e.cut || to == nil {
		return nil
	}
	b = append([]byte(nil), b...)
	own, ttl := i.Neighbor, e.ttl
	go func() {
		time.Sleep(ms)
		to.receive(e.addr, own, PortSingle, ttl, b)
	}()
	return nil
}

var addrA, addrB = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")

type told struct {
	mu   sync.Mutex
	list []bool
}

func (r *told) changed(_ string, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, up)
}

func (r *told) now() (last bool, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[len(r.list)-1], len(r.list)
}

func (r *told) all() []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]bool(nil), r.list...)
}

// TestPair brings two nodes up, cuts the wire, mends it, and stops one.
func TestPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{nodes: map[netip.Addr]*Node{}, ttl: 255}
		var a, b told
		make1 := func(addr, neighbor netip.Addr, r *told, cfg Config) *Node {
			n := newNode(nil, r.changed)
			n.net = end{w, addr}
			w.mu.Lock()
			w.nodes[addr] = n
			w.mu.Unlock()
			n.Set([]Instance{{Config: cfg, Name: "x", Neighbor: neighbor, TTL: 255}}, false)
			return n
		}
		passive := quick()
		passive.Passive = true
		na, nb := make1(addrA, addrB, &a, quick()), make1(addrB, addrA, &b, passive)
		expect := func(what string, upA, upB bool, changes int) {
			t.Helper()
			gotA, n := a.now()
			gotB, m := b.now()
			if gotA != upA || gotB != upB || n != changes || m != changes {
				t.Errorf("%s: %v and %v after %d and %d, want %v and %v after %d", what, gotA, gotB, n, m, upA, upB, changes)
			}
		}
		expect("start", false, false, 1)
		time.Sleep(3 * time.Second)
		expect("up", true, true, 2)
		if st := na.Status()[0]; st.TX != 50*ms || st.Detection != 150*ms || st.State != Up || st.RemoteState != Up {
			t.Errorf("%+v", st)
		}
		w.mu.Lock()
		w.cut = true
		w.mu.Unlock()
		time.Sleep(160 * time.Millisecond)
		expect("cut", false, false, 3)
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		time.Sleep(4 * time.Second)
		expect("mended", true, true, 4)
		slower := quick()
		slower.MinRX, slower.MinTX = 200*ms, 200*ms
		na.Set([]Instance{{Config: slower, Name: "x", Neighbor: addrB, TTL: 255}}, false)
		time.Sleep(2 * time.Second)
		expect("other intervals", true, true, 4)
		if st := nb.Status()[0]; st.TX != 200*ms || st.Detection != 600*ms {
			t.Errorf("the neighbour has %v and %v", st.TX, st.Detection)
		}
		w.mu.Lock()
		w.ttl = 254
		w.mu.Unlock()
		time.Sleep(time.Second)
		expect("from too far away", false, false, 5)
		if st := nb.Status()[0]; st.Dropped == 0 {
			t.Error("no drops are counted")
		}
		w.mu.Lock()
		w.ttl = 255
		w.mu.Unlock()
		time.Sleep(4 * time.Second)
		expect("near again", true, true, 6)
		na.Close()
		time.Sleep(10 * time.Second)
		if up, n := b.now(); !up || n != 6 {
			t.Errorf("the neighbour stopped on purpose: %v after %d", up, n)
		}
		nb.Close()
		time.Sleep(time.Second) // what is still on the wire
	})
}

func TestNear(t *testing.T) {
	for _, c := range []struct {
		hops, ttl int
		want      bool
	}{{0, 255, true}, {0, 254, false}, {2, 253, true}, {2, 252, false}, {-1, 1, true}, {255, 1, true}} {
		i := Instance{MaxHops: c.hops}
		if i.near(c.ttl) != c.want {
			t.Errorf("max_hops %d, TTL %d: %v", c.hops, c.ttl, !c.want)
		}
	}
}

// The session of a process that replaces one that died is not down before the
// neighbour has had the time to notice: what depends on it would fall for
// nothing. Without an answer it is.
func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{nodes: map[netip.Addr]*Node{}, ttl: 255}
		start := func(addr, neighbor netip.Addr, restarted bool) (*Node, *told) {
			r := &told{}
			n := newNode(nil, r.changed)
			n.net = end{w, addr}
			w.mu.Lock()
			w.nodes[addr] = n
			w.mu.Unlock()
			n.Set([]Instance{{Config: quick(), Name: "x", Neighbor: neighbor, TTL: 255}}, restarted)
			return n, r
		}
		vanish := func(n *Node) { // as by SIGKILL: nobody is told
			n.mu.Lock()
			n.closed = true
			n.timer.Stop()
			n.mu.Unlock()
		}
		na, _ := start(addrA, addrB, false)
		nb, _ := start(addrB, addrA, false)
		time.Sleep(3 * time.Second)
		vanish(na)
		na, a := start(addrA, addrB, true)
		time.Sleep(settling - 1)
		if got := a.all(); !slices.Equal(got, []bool{true}) {
			t.Errorf("with a neighbour: told %v", got)
		}
		vanish(na)
		vanish(nb)
		na, a = start(addrA, addrB, true)
		time.Sleep(settling - time.Nanosecond)
		if got := a.all(); len(got) != 0 {
			t.Errorf("without a neighbour: told %v too early", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := a.all(); !slices.Equal(got, []bool{false}) {
			t.Errorf("without a neighbour: told %v", got)
		}
		na.Close()
		time.Sleep(time.Second)
	})
}
