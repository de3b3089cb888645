// Package syncdump prints what passes on the connection-sync stream of IPVS
// directors, one line or JSON object an entry, and counts it.
package syncdump

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"holdfast/ipvs/sync"
)

// Endpoint matches addresses and ports: "192.0.2.0/24", "192.0.2.1",
// "192.0.2.1:80", "[2001:db8::1]:80" or ":80".
type Endpoint struct {
	prefix netip.Prefix // invalid: any
	port   int          // -1: any
}

// ParseEndpoint reads one.
func ParseEndpoint(s string) (Endpoint, error) {
	e := Endpoint{port: -1}
	if p, err := netip.ParsePrefix(s); err == nil {
		e.prefix = p.Masked()
		return e, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		e.prefix = netip.PrefixFrom(a, a.BitLen())
		return e, nil
	}
	if port, ok := strings.CutPrefix(s, ":"); ok {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			e.port = int(n)
			return e, nil
		}
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		e.prefix, e.port = netip.PrefixFrom(ap.Addr(), ap.Addr().BitLen()), int(ap.Port())
		return e, nil
	}
	return e, fmt.Errorf("%q is no address, prefix, address:port or :port", s)
}

func (e Endpoint) match(a netip.AddrPort) bool {
	return (!e.prefix.IsValid() || e.prefix.Contains(a.Addr())) && (e.port < 0 || e.port == int(a.Port()))
}

// Filter says which entries are shown; the zero value shows all.
type Filter struct {
	Client, Virtual, Dest *Endpoint
	Protocol              string // "tcp", "udp", "sctp"; empty: any
	State                 string // in the kernel's word; empty: any
	Kind                  string // "connection" or "template"; empty: any
	SyncID                int    // below 0: any
	Sender                *netip.Addr
}

// Check says what of the filter can match nothing.
func (f *Filter) Check() error {
	switch strings.ToLower(f.Protocol) {
	case "", "tcp", "udp", "sctp":
	default:
		return fmt.Errorf("protocol %q: want tcp, udp or sctp", f.Protocol)
	}
	switch f.Kind {
	case "", "connection", "template":
	default:
		return fmt.Errorf("kind %q: want connection or template", f.Kind)
	}
	if f.SyncID > 255 {
		return fmt.Errorf("sync ID %d: want 0 to 255", f.SyncID)
	}
	return nil
}

// message reports whether entries of the message may be shown.
func (f *Filter) message(m *sync.Message, sender netip.Addr) bool {
	return (f.SyncID < 0 || f.SyncID == int(m.SyncID)) && (f.Sender == nil || *f.Sender == sender)
}

func (f *Filter) entry(e *sync.Entry) bool {
	end := func(want *Endpoint, have netip.AddrPort) bool { return want == nil || want.match(have) }
	return end(f.Client, e.Client) && end(f.Virtual, e.Virtual) && end(f.Dest, e.Dest) &&
		(f.Protocol == "" || strings.EqualFold(f.Protocol, e.ProtocolName())) &&
		(f.State == "" || strings.EqualFold(f.State, e.StateName())) &&
		(f.Kind == "" || (f.Kind == "template") == (e.Flags&sync.Template != 0))
}
