package vrrp

import "time"

// deadlines is a heap of the routers that wait for something, the earliest
// first; equal deadlines are ordered by ID so that runs repeat exactly. With
// thousands of routers most of a step is waiting for memory: so the heap holds
// values in place of pointers, and four children lie side by side.
type deadlines struct {
	epoch time.Time // what the deadlines are counted from
	heap  []deadline
	place []int32 // by ID: index in heap; absent: not in it
}

type deadline struct {
	at time.Duration // since epoch
	id ID
}

// absent is the place of a router that waits for nothing.
const absent = -1

func (a deadline) before(b deadline) bool {
	return a.at < b.at || a.at == b.at && a.id < b.id
}

// first is the router whose deadline is the earliest, and that; ok: there is
// one.
func (h *deadlines) first() (id ID, at time.Time, ok bool) {
	if len(h.heap) == 0 {
		return 0, time.Time{}, false
	}
	return h.heap[0].id, h.epoch.Add(h.heap[0].at), true
}

// set gives router id the deadline at; zero: none.
func (h *deadlines) set(id ID, at time.Time) {
	if at.IsZero() {
		h.remove(id)
		return
	}
	if h.epoch.IsZero() {
		h.epoch = at
	}
	for int(id) >= len(h.place) {
		h.place = append(h.place, absent)
	}
	x := deadline{at.Sub(h.epoch), id}
	i := int(h.place[id])
	if i == absent {
		i = len(h.heap)
		h.heap = append(h.heap, x)
	} else if h.heap[i] == x {
		return
	}
	h.put(i, x)
}

// remove takes router id out, if it is in.
func (h *deadlines) remove(id ID) {
	if int(id) >= len(h.place) || h.place[id] == absent {
		return
	}
	i := int(h.place[id])
	h.place[id] = absent
	last := len(h.heap) - 1
	x := h.heap[last]
	h.heap = h.heap[:last]
	if i < last {
		h.put(i, x)
	}
}

// put finds the place for x, where i is free.
func (h *deadlines) put(i int, x deadline) {
	for i > 0 {
		parent := (i - 1) / 4
		if !x.before(h.heap[parent]) {
			break
		}
		h.settle(i, h.heap[parent])
		i = parent
	}
	for {
		child := 4*i + 1
		if child >= len(h.heap) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h.heap)); c++ {
			if h.heap[c].before(h.heap[least]) {
				least = c
			}
		}
		if !h.heap[least].before(x) {
			break
		}
		h.settle(i, h.heap[least])
		i = least
	}
	h.settle(i, x)
}

func (h *deadlines) settle(i int, x deadline) {
	h.heap[i] = x
	h.place[x.id] = int32(i)
}
