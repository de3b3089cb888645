package link

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Pace is how announcements on one interface are spaced (garp_group,
// vrrp_garp_interval, vrrp_gna_interval).
type Pace struct {
	// Group: interfaces with the same number share the gaps.
	Group int
	// ARP and NA are the least time between two frames of gratuitous ARP and of
	// unsolicited neighbour advertisements; 0: none.
	ARP, NA time.Duration
}

// announceQueue is what waits to be announced. It does no work by itself and
// has no clock; its owner keeps calls apart.
type announceQueue struct {
	paces map[int]Pace // by interface
	lanes []*lane
	jobs  map[jobKey]*job
	n     int                   // addresses of all jobs
	back  []garpFrame           // were picked and could not be sent
	gone  map[annKey]uint64     // forgotten, and the number of the newest job by then
	seq   uint64                // of the newest call
	turn  int                   // the lane whose turn it is
	kinds map[laneKey]*lane     // lanes by key
	hold  map[laneKey]time.Time // when lanes without jobs may send again
}

// annKey is an address on an interface.
type annKey struct {
	ifindex int
	addr    netip.Addr
}

// garpFrame is one frame that is about to leave.
type garpFrame struct {
	ifindex int
	addr    netip.Addr
	frame   []byte
}

// job is one call of Announce, or that part of it that shares a lane.
type job struct {
	key    jobKey
	hw     net.HardwareAddr
	addrs  []netip.Addr
	frames [][]byte // of addrs, once they were needed
	next   int      // address
	left   int      // rounds, the running one included
	seq    uint64
}

type jobKey struct {
	ifindex int
	lane    laneKey
	first   netip.Addr
	count   int
}

// laneKind says which frames a lane is for.
type laneKind uint8

const (
	laneBoth laneKind = iota // no gaps: both families, in the order asked for
	laneARP
	laneNA
)

// laneKey: number is an interface, or with gaps a group of interfaces.
type laneKey struct {
	kind   laneKind
	number int
}

// lane holds the jobs whose frames leave one after the other.
type lane struct {
	key  laneKey
	gap  time.Duration // between two frames; 0: none
	free time.Time     // with a gap: when the next frame may leave
	jobs []*job
}

func (q *announceQueue) empty() bool { return len(q.lanes) == 0 && len(q.back) == 0 }

// laneOf is the lane of an address, with its gap.
func (q *announceQueue) laneOf(ifindex int, six bool) (laneKey, time.Duration) {
	p, ok := q.paces[ifindex]
	switch {
	case ok && six && p.NA > 0:
		return laneKey{laneNA, p.Group}, p.NA
	case ok && !six && p.ARP > 0:
		return laneKey{laneARP, p.Group}, p.ARP
	}
	return laneKey{laneBoth, ifindex}, 0
}

// add takes a call up and returns how many addresses there was no room for.
func (q *announceQueue) add(ifindex int, hw net.HardwareAddr, addrs []netip.Addr, rounds int) (dropped int) {
	q.seq++
	k4, _ := q.laneOf(ifindex, false)
	k6, _ := q.laneOf(ifindex, true)
	if k4 == k6 {
		return q.addTo(k4, ifindex, hw, addrs, rounds)
	}
	for _, six := range []bool{false, true} {
		part := make([]netip.Addr, 0, len(addrs))
		for _, a := range addrs {
			if a.Is6() == six {
				part = append(part, a)
			}
		}
		key, _ := q.laneOf(ifindex, six)
		dropped += q.addTo(key, ifindex, hw, part, rounds)
	}
	return dropped
}

func (q *announceQueue) addTo(key laneKey, ifindex int, hw net.HardwareAddr, addrs []netip.Addr, rounds int) (dropped int) {
	if len(addrs) == 0 {
		return 0
	}
	k := jobKey{ifindex, key, addrs[0], len(addrs)}
	if j := q.jobs[k]; j != nil && slices.Equal(j.addrs, addrs) {
		if j.next > 0 {
			rounds++ // the running one is not whole any more
		}
		j.left, j.seq = max(j.left, rounds), q.seq
		if !slices.Equal(j.hw, hw) {
			j.hw, j.frames = slices.Clone(hw), nil
		}
		return 0
	}
	if q.n+len(addrs) > garpQueue {
		return len(addrs)
	}
	j := &job{key: k, hw: slices.Clone(hw), addrs: slices.Clone(addrs), left: rounds, seq: q.seq}
	q.insert(j)
	return 0
}

// insert puts a job at the end of its lane.
func (q *announceQueue) insert(j *job) {
	key := j.key.lane
	l := q.kinds[key]
	if l == nil {
		l = &lane{key: key}
		if key.kind != laneBoth {
			_, l.gap = q.laneOf(j.key.ifindex, key.kind == laneNA)
		}
		l.free = q.hold[key]
		if q.kinds == nil {
			q.kinds, q.jobs = make(map[laneKey]*lane), make(map[jobKey]*job)
		}
		q.kinds[key] = l
		q.lanes = append(q.lanes, l)
	}
	l.jobs = append(l.jobs, j)
	q.jobs[j.key] = j
	q.n += len(j.addrs)
}

// pick appends to to, up to limit in all, frames that may leave now, the lanes
// taking turns; stale counts those that were forgotten. forwards tells whether
// an interface forwards IPv6.
func (q *announceQueue) pick(to []garpFrame, now time.Time, limit int, forwards func(ifindex int) bool) (_ []garpFrame, stale int) {
	for len(q.back) > 0 && len(to) < limit {
		f := q.back[0]
		q.back = q.back[1:]
		if _, gone := q.gone[annKey{f.ifindex, f.addr}]; gone {
			stale++
			continue
		}
		to = append(to, f)
	}
	if len(q.back) == 0 {
		q.back = nil
	}
	for idle := 0; idle < len(q.lanes) && len(to) < limit; {
		if q.turn >= len(q.lanes) {
			q.turn = 0
		}
		l := q.lanes[q.turn]
		if l.gap > 0 && now.Before(l.free) {
			idle++
			q.turn++
			continue
		}
		idle = 0
		f, fresh, over := q.step(l, forwards)
		if fresh {
			to = append(to, f)
			if l.gap > 0 {
				l.free = now.Add(l.gap)
			}
		} else {
			stale++
		}
		if over {
			q.close(l)
			continue // another lane has its place
		}
		// Without gaps a lane goes on, so that its frames stay together, but for
		// the next time.
		if l.gap > 0 || len(to) == limit {
			q.turn++
		}
	}
	if q.empty() {
		q.gone = nil
	}
	return to, stale
}

// step takes the next frame of a lane; fresh is false for one that was
// forgotten, over is true when the lane has no job left.
func (q *announceQueue) step(l *lane, forwards func(int) bool) (f garpFrame, fresh, over bool) {
	j := l.jobs[0]
	addr := j.addrs[j.next]
	f = garpFrame{ifindex: j.key.ifindex, addr: addr}
	at, gone := q.gone[annKey{f.ifindex, addr}]
	if fresh = !gone || j.seq > at; fresh {
		if j.frames == nil {
			j.frames = make([][]byte, len(j.addrs))
		}
		if j.frames[j.next] == nil {
			// It was checked that the hardware address is one of Ethernet.
			j.frames[j.next], _ = announcement(j.hw, addr, addr.Is6() && forwards(f.ifindex))
		}
		f.frame = j.frames[j.next]
		fresh = f.frame != nil
	}
	if j.next++; j.next < len(j.addrs) {
		return f, fresh, false
	}
	j.next = 0
	j.left--
	l.jobs = l.jobs[1:]
	if j.left > 0 {
		l.jobs = append(l.jobs, j) // after those that wait for their first round
		return f, fresh, false
	}
	q.n -= len(j.addrs)
	delete(q.jobs, j.key)
	return f, fresh, len(l.jobs) == 0
}

// close takes a lane without jobs away; its gap goes on.
func (q *announceQueue) close(l *lane) {
	delete(q.kinds, l.key)
	i := slices.Index(q.lanes, l)
	q.lanes = slices.Delete(q.lanes, i, i+1)
	if l.gap > 0 {
		if q.hold == nil {
			q.hold = make(map[laneKey]time.Time)
		}
		q.hold[l.key] = l.free
	}
}

// putBack takes frames that could not be sent; they leave first. The queue
// keeps none of the slice.
func (q *announceQueue) putBack(frames []garpFrame) {
	if len(frames) > 0 {
		q.back = append(slices.Clone(frames), q.back...)
	}
}

// due is the earliest moment at which a frame may leave; zero: nothing waits.
func (q *announceQueue) due() time.Time {
	var due time.Time
	for i, l := range q.lanes {
		if i == 0 || l.free.Before(due) {
			due = l.free
		}
	}
	if len(q.back) > 0 || len(q.lanes) > 0 && due.IsZero() {
		return time.Unix(1, 0) // at once
	}
	return due
}

// forget calls back what waits for addrs on an interface.
func (q *announceQueue) forget(ifindex int, addrs []netip.Addr) {
	if q.empty() {
		return
	}
	if q.gone == nil {
		q.gone = make(map[annKey]uint64)
	}
	for _, a := range addrs {
		q.gone[annKey{ifindex, a}] = q.seq
	}
}

// pace changes the gaps; what waits goes over into the lanes that follow.
func (q *announceQueue) pace(paces map[int]Pace) {
	if maps.Equal(q.paces, paces) {
		return
	}
	old := q.lanes
	*q = announceQueue{paces: paces, back: q.back, gone: q.gone, seq: q.seq}
	for _, l := range old {
		for _, j := range l.jobs {
			q.rejoin(j)
		}
	}
}

// rejoin puts what is left of a job into the lanes of its addresses now.
func (q *announceQueue) rejoin(j *job) {
	k4, _ := q.laneOf(j.key.ifindex, false)
	k6, _ := q.laneOf(j.key.ifindex, true)
	if k4 == k6 {
		j.key.lane = k4
		q.insert(j)
		return
	}
	for _, key := range []laneKey{k4, k6} {
		n := *j
		n.addrs = slices.DeleteFunc(slices.Clone(j.addrs), func(a netip.Addr) bool { return a.Is6() != (key == k6) })
		if len(n.addrs) > 0 {
			n.frames, n.next = nil, 0
			n.key = jobKey{j.key.ifindex, key, n.addrs[0], len(n.addrs)}
			q.insert(&n)
		}
	}
}

// clear drops everything and returns how many frames that was.
func (q *announceQueue) clear() (n int) {
	n = len(q.back)
	for _, l := range q.lanes {
		for _, j := range l.jobs {
			n += len(j.addrs)*j.left - j.next
		}
	}
	*q = announceQueue{paces: q.paces}
	return n
}
