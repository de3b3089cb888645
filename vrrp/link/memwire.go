package link

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrKilled is what the methods of a killed MemProcess return.
var ErrKilled = errors.New("process killed")

// memQueue bounds what waits in a socket, as a receive buffer does.
const memQueue = 4096

// MemWire is the Wire of a MemProcess.
type MemWire struct {
	p     *MemProcess
	wake  chan struct{} // one token; more would say the same
	timer *time.Timer
	woken bool

	ports      []Port
	openErr    map[Port]error
	queue, out []Packet
	overflow   uint64
}

var _ Wire = (*MemWire)(nil)

// Wire returns the process's wire.
func (p *MemProcess) Wire() *MemWire { return p.wire }

// Now is package time's clock.
func (w *MemWire) Now() time.Time { return time.Now() }

func (w *MemWire) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Wake implements Wire.
func (w *MemWire) Wake() {
	n := w.p.host.net
	n.mu.Lock()
	w.woken = true
	n.mu.Unlock()
	w.poke()
}

// Wait implements Wire.
func (w *MemWire) Wait(deadline time.Time) ([]Packet, error) {
	n := w.p.host.net
	for {
		if !w.p.run() {
			return nil, ErrKilled
		}
		n.mu.Lock()
		if (len(w.queue) > 0 || w.woken) && !w.p.paused {
			w.woken = false
			w.out, w.queue = w.queue, w.out[:0]
			n.mu.Unlock()
			return w.out, nil
		}
		n.mu.Unlock()
		if deadline.IsZero() {
			<-w.wake
			continue
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, nil
		}
		if w.timer == nil {
			w.timer = time.NewTimer(left)
		} else {
			w.timer.Reset(left)
		}
		select {
		case <-w.wake:
		case <-w.timer.C:
		}
	}
}

// Asleep is how long the process was suspended, see MemProcess.Suspend.
func (w *MemWire) Asleep() time.Duration {
	n := w.p.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	return w.p.slept
}

// FailOpen makes Open fail for a port until it is called with nil.
func (w *MemWire) FailOpen(p Port, err error) {
	n := w.p.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if w.openErr == nil {
		w.openErr = map[Port]error{}
	}
	w.openErr[p] = err
}

// Open implements Wire.
func (w *MemWire) Open(want []Port) map[Port]error {
	h := w.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	var failed map[Port]error
	fail := func(p Port, err error) {
		if failed == nil {
			failed = map[Port]error{}
		}
		failed[p] = err
	}
	open := slices.Clone(w.ports)
	w.ports = w.ports[:0]
	for _, p := range want {
		i := h.byIndex(p.Ifindex)
		switch {
		case w.openErr[p] != nil:
			fail(p, w.openErr[p])
		case i == nil:
			fail(p, syscall.ENODEV)
		case !p.Group.IsValid() && !i.has(p.Source) && !slices.Contains(open, p):
			fail(p, syscall.EADDRNOTAVAIL)
		default:
			w.ports = append(w.ports, p)
		}
	}
	return failed
}

// SourceOf implements Wire.
func (w *MemWire) SourceOf(p Port) (netip.Addr, bool) {
	h := w.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := h.byIndex(p.Ifindex)
	if i == nil {
		return netip.Addr{}, false
	}
	return i.source(p)
}

// Close implements Wire.
func (w *MemWire) Close() error {
	n := w.p.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	w.ports = nil
	return nil
}

// Send implements Wire.
func (w *MemWire) Send(batch []Datagram) {
	n := w.p.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for k := range batch {
		batch[k].Err = w.send(&batch[k])
	}
}

func (w *MemWire) send(d *Datagram) error {
	h := w.p.host
	n := h.net
	if w.p.killed() {
		return ErrKilled
	}
	i := h.byIndex(d.Port.Ifindex)
	if i == nil {
		return syscall.ENODEV
	}
	if !i.running() {
		return syscall.ENETDOWN
	}
	if !slices.Contains(w.ports, d.Port) {
		h.refuse("send on a port that is not open: %v", d.Port)
		return syscall.EBADF
	}
	// One that has gone is what the socket goes on with.
	if src, ok := i.source(d.Port); ok && src != d.Src {
		h.refuse("send from %v, the socket has %v", d.Src, src)
		return syscall.EADDRNOTAVAIL
	}
	if n.OnSend != nil {
		n.OnSend(time.Now(), h.name, d)
	}
	packet := Packet{Src: d.Src, Dst: d.Dst, TTL: d.Port.ttl(), AH: d.Port.AH, Body: d.Body}
	if packet.AH { // the body begins with an IPv4 header
		packet.ID, packet.Body = binary.BigEndian.Uint16(d.Body[4:]), d.Body[ipv4MinHeader:]
	}
	// Of timers of the same instant any may be the first: a message does not
	// overtake the one before.
	behind := max(0, time.Until(h.sentAt)+1)
	h.sentAt = time.Now().Add(behind)
	for _, to := range n.hosts {
		// The accidents are drawn for every receiver in turn, whoever
		// listens: one run of a seed is like the next.
		lost, copies, delay := false, 1, n.Delay
		if delay > 0 {
			delay += behind
		}
		if n.Loss > 0 {
			lost = h.rng.Float64() < n.Loss
		}
		if n.Dup > 0 && h.rng.Float64() < n.Dup {
			copies = 2
		}
		if n.Jitter > 0 {
			delay += time.Duration(h.rng.Int64N(int64(n.Jitter)))
		}
		if to == h || lost || len(n.cut) > 0 && n.cut[[2]string{h.name, to.name}] {
			continue
		}
		for range copies {
			if delay <= 0 {
				to.deliver(i.segment().Name, packet)
				continue
			}
			name, packet := i.segment().Name, packet
			packet.Body = slices.Clone(packet.Body)
			time.AfterFunc(delay, func() {
				n.mu.Lock()
				defer n.mu.Unlock()
				to.deliver(name, packet)
			})
		}
	}
	return nil
}

// Inject puts a message of a stranger on the segment, for all hosts.
func (n *MemNet) Inject(ifname string, src, dst netip.Addr, ttl uint8, body []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.hosts {
		h.deliver(ifname, Packet{Src: src, Dst: dst, TTL: ttl, Body: body})
	}
}

// deliver puts a packet into the sockets that hear it.
func (h *MemHost) deliver(ifname string, packet Packet) {
	dst := packet.Dst
	i := h.byName(ifname)
	if i == nil || !i.Up || h.proc == nil || h.proc.killed() {
		return
	}
	w := h.proc.wire
	for _, p := range w.ports {
		if at := h.byIndex(p.Ifindex); at == nil || at.segment() != i || !at.running() {
			continue
		}
		if p.AH != packet.AH || p.Group.IsValid() && p.Group != dst || !p.Group.IsValid() && p.Source != dst {
			continue
		}
		if len(w.queue) >= memQueue {
			w.overflow++
			continue
		}
		// The bodies' storage is used again, so that a test can show that
		// the receiver allocates nothing.
		if len(w.queue) < cap(w.queue) {
			w.queue = w.queue[:len(w.queue)+1]
		} else {
			w.queue = append(w.queue, Packet{})
		}
		k := &w.queue[len(w.queue)-1]
		body := append(k.Body[:0], packet.Body...)
		*k = packet
		k.Port, k.Body, k.TotalLen, k.Arrived = p, body, len(body), time.Now()
		w.poke()
	}
}
