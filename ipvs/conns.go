package ipvs

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strconv"
	"strings"
)

// Connection is one line of the kernel's table of connections. A persistence
// template stands there as a connection with a client's port of 0.
type Connection struct {
	Protocol string         `json:"protocol"` // TCP, UDP, SCTP, IP (a template of a mark)
	Client   netip.AddrPort `json:"client"`
	Virtual  netip.AddrPort `json:"virtual"`
	Dest     netip.AddrPort `json:"destination"`
	State    string         `json:"state"`   // ESTABLISHED, FIN_WAIT, ...
	Origin   string         `json:"origin"`  // LOCAL, or SYNC: told by the other director
	Expires  uint32         `json:"expires"` // seconds
}

// ParseConnections reads /proc/net/ip_vs_conn_sync line by line. After an
// error, the second value, nothing more comes.
func ParseConnections(r io.Reader) iter.Seq2[Connection, error] {
	return func(yield func(Connection, error) bool) {
		lines := bufio.NewScanner(r)
		for n := 1; lines.Scan(); n++ {
			f := strings.Fields(lines.Text())
			if len(f) == 0 || f[0] == "Pro" {
				continue
			}
			c, err := parseConnection(f)
			if err != nil {
				yield(c, fmt.Errorf("connections: line %d: %w", n, err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Connection{}, fmt.Errorf("connections: %w", err))
		}
	}
}

func parseConnection(f []string) (c Connection, err error) {
	if len(f) < 10 {
		return c, fmt.Errorf("%d fields, 10 are wanted", len(f))
	}
	c.Protocol, c.State, c.Origin = f[0], f[7], f[8]
	for i, to := range []*netip.AddrPort{&c.Client, &c.Virtual, &c.Dest} {
		if *to, err = hexAddrPort(f[1+2*i], f[2+2*i]); err != nil {
			return c, err
		}
	}
	sec, err := strconv.ParseUint(f[9], 10, 32)
	if err != nil {
		return c, fmt.Errorf("expires %q: not a number", f[9])
	}
	c.Expires = uint32(sec)
	return c, nil
}

// hexAddrPort reads C0000201 or an IPv6 address, and a port in hexadecimal.
func hexAddrPort(addr, port string) (netip.AddrPort, error) {
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q: not hexadecimal", port)
	}
	if len(addr) == 8 && !strings.Contains(addr, ":") {
		v, err := strconv.ParseUint(addr, 16, 32)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("address %q: not hexadecimal", addr)
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), uint16(p)), nil
	}
	a, err := netip.ParseAddr(strings.Trim(addr, "[]"))
	if err != nil || a.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("address %q: not understood", addr)
	}
	return netip.AddrPortFrom(a, uint16(p)), nil
}

// Of reports whether a connection belongs to a service by address. Those of a
// mark do not say so.
func (c *Connection) Of(k ServiceKey) bool {
	if k.FWMark != 0 || c.Virtual.Addr() != k.Addr || k.Port != 0 && c.Virtual.Port() != k.Port {
		return false
	}
	return strings.EqualFold(c.Protocol, ProtocolName(k.Protocol))
}
