package doctor

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"holdfast/internal/host"
	"holdfast/vrrp"
)

// maxHeard bounds the senders that are remembered.
const maxHeard = 4096

// ear collects what is heard.
type ear struct {
	mu    sync.Mutex
	heard map[heardKey]*Heard
	own   []netip.Addr
}

type heardKey struct {
	device string
	source netip.Addr
	vrid   uint8
}

// listen hears adverts on the interfaces of the routers, or without any on
// all, for a time.
func (s *Snapshot) listen(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	e := &ear{heard: map[heardKey]*Heard{}}
	for _, a := range s.Addrs {
		e.own = append(e.own, a.Prefix.Addr())
	}
	devices := map[string]bool{}
	for _, r := range s.routers() {
		devices[r.device] = true
	}
	var links []*net.Interface
	for _, l := range s.Links {
		if l.Up && !l.Silent() && (devices[l.Name] || len(devices) == 0 && l.Master == 0) {
			links = append(links, &net.Interface{Index: l.Index, Name: l.Name})
		}
	}
	var wg sync.WaitGroup
	for _, open := range []func([]*net.Interface) (net.PacketConn, func([]byte) (int, arrival, error)){open4, open6} {
		conn, read := open(links)
		if conn == nil {
			continue
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
		wg.Go(func() {
			b := make([]byte, 65536)
			for {
				n, from, err := read(b)
				if err != nil {
					return
				}
				if i := slices.IndexFunc(s.Links, func(l host.Link) bool { return l.Index == from.ifindex }); i >= 0 {
					e.hear(s.Links[i].Name, from, b[:n])
				}
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	s.Listened = time.Since(start)
	for _, h := range e.heard {
		s.Heard = append(s.Heard, *h)
	}
	slices.SortFunc(s.Heard, func(a, b Heard) int {
		if a.VRID != b.VRID {
			return int(a.VRID) - int(b.VRID)
		}
		return a.Source.Compare(b.Source)
	})
}

func (e *ear) hear(device string, from arrival, body []byte) {
	ip, ok := from.src.(*net.IPAddr)
	if !ok {
		return
	}
	source, ok := netip.AddrFromSlice(ip.IP)
	dst, ok2 := netip.AddrFromSlice(from.dst)
	source = source.Unmap()
	if !ok || !ok2 || slices.Contains(e.own, source) {
		return
	}
	var a vrrp.Advert
	if vrrp.Decode(&a, &vrrp.Meta{Src: source, Dst: dst.Unmap(), TTL: 255, Ifindex: from.ifindex}, body) != vrrp.DropNone {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := heardKey{device, source, a.VRID}
	h := e.heard[k]
	if h == nil {
		if len(e.heard) >= maxHeard {
			return
		}
		h = &Heard{Interface: device, Source: source, VRID: a.VRID}
		e.heard[k] = h
	}
	h.Version, h.Priority, h.Addrs = a.Version, a.Priority, slices.Clone(a.Addrs)
	h.Count++
}

// arrival is where a message came from and to.
type arrival struct {
	ifindex int
	src     net.Addr
	dst     net.IP
}

// open4 joins the group of adverts on interfaces; one without an address
// hears nothing.
func open4(links []*net.Interface) (net.PacketConn, func([]byte) (int, arrival, error)) {
	conn, err := net.ListenPacket("ip4:112", "0.0.0.0")
	if err != nil {
		return nil, nil
	}
	p := ipv4.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
	for _, l := range links {
		_ = p.JoinGroup(l, &net.IPAddr{IP: net.IPv4(224, 0, 0, 18)})
	}
	return conn, func(b []byte) (int, arrival, error) {
		n, cm, src, err := p.ReadFrom(b)
		if cm == nil {
			return n, arrival{}, err
		}
		return n, arrival{cm.IfIndex, src, cm.Dst}, err
	}
}

func open6(links []*net.Interface) (net.PacketConn, func([]byte) (int, arrival, error)) {
	conn, err := net.ListenPacket("ip6:112", "::")
	if err != nil {
		return nil, nil
	}
	p := ipv6.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	for _, l := range links {
		_ = p.JoinGroup(l, &net.IPAddr{IP: net.ParseIP("ff02::12")})
	}
	return conn, func(b []byte) (int, arrival, error) {
		n, cm, src, err := p.ReadFrom(b)
		if cm == nil {
			return n, arrival{}, err
		}
		return n, arrival{cm.IfIndex, src, cm.Dst}, err
	}
}
