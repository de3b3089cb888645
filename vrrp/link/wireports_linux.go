package link

import (
	"fmt"
	"maps"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Open implements Wire. Ports whose interface has vanished and come back have
// another index and are therefore others; one whose index is the same again is
// opened anew once a datagram could not be sent for it.
func (w *EpollWire) Open(want []Port) map[Port]error {
	failed := make(map[Port]error)
	keep := make(map[Port]bool, len(want))
	for _, key := range want {
		keep[key] = true
	}
	for key, p := range w.ports {
		if !keep[key] || p.broken {
			w.drop(p)
		}
	}
	maps.DeleteFunc(w.filters, func(key Port, _ VRIDs) bool { return !keep[key] })
	maps.DeleteFunc(w.buffers, func(key Port, _ int) bool { return !keep[key] })
	sources, err := w.sources()
	if err != nil {
		w.log.Error("cannot read the addresses of the interfaces", "error", err)
	}
	for p, err := range w.listenAgain(w.kept6()) {
		w.drop(p)
		failed[p.key] = err
		delete(keep, p.key)
	}
	for key := range keep {
		p := w.ports[key]
		if p == nil {
			if p, err = w.add(key); err != nil {
				failed[key] = err
				continue
			}
		}
		if !key.Group.IsValid() {
			continue
		}
		source := key.Source
		if !source.IsValid() && sources != nil {
			source = sources[sourceKey{key.Ifindex, p.six}]
		}
		if err := p.setSource(source); err != nil {
			w.drop(p)
			failed[key] = fmt.Errorf("link: source %v of %v on interface %d: %w", source, key.Group, key.Ifindex, err)
		}
	}
	if n := len(w.ports) + 2; n > len(w.events) {
		w.events = make([]unix.EpollEvent, 2*n)
		w.ready = make([]*port, 0, 2*n)
	}
	return failed
}

// kept6 are the open ports of IPv6 groups.
func (w *EpollWire) kept6() []*port {
	var list []*port
	for key, p := range w.ports {
		if p.six && key.Group.IsValid() {
			list = append(list, p)
		}
	}
	return list
}

func (w *EpollWire) add(key Port) (*port, error) {
	if w.closed {
		return nil, ErrClosed
	}
	var set *VRIDs
	if f, ok := w.filters[key]; ok {
		set = &f
	}
	p, err := openPort(key, w.bufferOf(key), set)
	if err != nil {
		return nil, err
	}
	if err := w.watch(p.fd, unix.EPOLLIN); err != nil {
		p.close()
		return nil, err
	}
	if p.six && w.tx6 == nil {
		w.tx6 = newTransmitter6()
	}
	w.ports[key], w.byFD[int32(p.fd)] = p, p
	return p, nil
}

// drop closes a port. Closing takes its descriptor, the only one of the
// socket, out of the epoll.
func (w *EpollWire) drop(p *port) {
	delete(w.ports, p.key)
	delete(w.byFD, int32(p.fd))
	_ = p.close()
}

func (w *EpollWire) watch(fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("link: %w", os.NewSyscallError("epoll_ctl", err))
	}
	return nil
}

// sources reads the address that each interface sends from.
func (w *EpollWire) sources() (map[sourceKey]netip.Addr, error) {
	if w.own {
		if _, err := w.watcher.List(); err != nil {
			return nil, err
		}
	}
	return w.watcher.sourceOf()
}

// SourceOf implements Wire.
func (w *EpollWire) SourceOf(key Port) (netip.Addr, bool) {
	p := w.ports[key]
	if p == nil || !p.source.IsValid() {
		return netip.Addr{}, false
	}
	return p.source, true
}

// PortStats is what one open port has done so far.
func (w *EpollWire) PortStats(key Port) (PortStats, bool) {
	p := w.ports[key]
	if p == nil {
		return PortStats{}, false
	}
	s := p.stats
	s.QueueDrops = p.queueDrops()
	return s, true
}
