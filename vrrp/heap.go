package vrrp

// deadlines is a binary heap of the routers that wait for something, the
// earliest first; equal deadlines are ordered by ID so that runs repeat
// exactly. container/heap would box every element.
type deadlines []*Router

func (h deadlines) less(i, j int) bool {
	a, b := h[i], h[j]
	if a.deadline.Equal(b.deadline) {
		return a.id < b.id
	}
	return a.deadline.Before(b.deadline)
}

func (h deadlines) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = i, j
}

func (h deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h deadlines) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}

// fix puts r at the place of its present deadline, or takes it out when it
// has none.
func (h *deadlines) fix(r *Router) {
	at := r.Deadline()
	switch {
	case at.IsZero():
		h.remove(r)
	case r.heapAt < 0:
		r.deadline = at
		r.heapAt = len(*h)
		*h = append(*h, r)
		h.up(r.heapAt)
	case !at.Equal(r.deadline):
		r.deadline = at
		h.up(r.heapAt)
		h.down(r.heapAt)
	}
}

func (h *deadlines) remove(r *Router) {
	i := r.heapAt
	if i < 0 {
		return
	}
	last := len(*h) - 1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	r.heapAt = -1
	if i < last {
		h.up(i)
		h.down(i)
	}
}
