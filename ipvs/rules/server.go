package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"holdfast/ipvs"
)

// address reads host[:port], [IPv6][:port] or a bare IPv6 address.
func (n *Names) address(network, text string, port uint16) (netip.Addr, uint16, error) {
	host, tail, bracketed := text, "", false
	if rest, ok := strings.CutPrefix(text, "["); ok {
		i := strings.IndexByte(rest, ']')
		if i < 0 {
			return netip.Addr{}, 0, fmt.Errorf("%q: no closing ]", text)
		}
		host, tail, bracketed = rest[:i], rest[i+1:], true
	} else if strings.Count(text, ":") == 1 {
		i := strings.IndexByte(text, ':')
		host, tail = text[:i], text[i:]
	}
	if tail != "" {
		name, ok := strings.CutPrefix(tail, ":")
		p, err := n.port(network, name)
		if !ok || err != nil {
			return netip.Addr{}, 0, fmt.Errorf("%q: port %q: a number from 0 to 65535 or the name of a service is wanted", text, name)
		}
		port = p
	}
	a, err := netip.ParseAddr(host)
	if err != nil && n.Host != nil && !bracketed && host != "" {
		a, err = n.Host(host)
	}
	if err != nil || a.Zone() != "" || bracketed && !a.Is6() {
		return netip.Addr{}, 0, fmt.Errorf("%q: an address or a host's name is wanted", text)
	}
	return a, port, nil
}

func (n *Names) port(network, name string) (uint16, error) {
	if p, err := strconv.ParseUint(name, 10, 16); err == nil {
		return uint16(p), nil
	}
	if n.Port == nil || name == "" {
		return 0, errors.New("unknown service")
	}
	return n.Port(network, name)
}

// dest is the server of a command; for delete-server its key only.
func (r *reader) dest(c *command, k ipvs.ServiceKey) (d ipvs.Destination, err error) {
	if !c.has("real-server") {
		return d, errors.New("no real server (-r)")
	}
	network := "tcp"
	for _, p := range protocols {
		if p.protocol == k.Protocol {
			network = p.network
		}
	}
	d.Addr, d.Port, err = r.names.address(network, c.options["real-server"], k.Port)
	if err != nil {
		return d, fmt.Errorf("real server %w", err)
	}
	if c.verb == "delete-server" {
		return d, nil
	}
	if err := c.method(&d); err != nil {
		return d, err
	}
	// Packets keep their port, which is the service's. The service of a firewall
	// mark has none: there what was said stays, as in ipvsadm.
	if d.Method != ipvs.Masquerade && k.FWMark == 0 {
		d.Port = k.Port
	}
	if ipvs.FamilyOf(d.Addr) != k.Family && d.Method != ipvs.Tunnel {
		return d, fmt.Errorf("real server %s: of another family than the service, which only tunnels (-i) can be", d.Addr)
	}
	if d.Addr.Is4() && d.Addr.IsMulticast() || d.Addr.Is4In6() || d.Addr.Is6() && d.Addr.IsLinkLocalUnicast() {
		return d, fmt.Errorf("real server %s: not the address of a server", d.Addr)
	}
	d.Weight = 1
	for _, f := range []struct {
		option string
		to     *uint32
		max    uint64
	}{{"weight", &d.Weight, 1<<31 - 1}, {"u-threshold", &d.Upper, 1<<32 - 1}, {"l-threshold", &d.Lower, 1<<32 - 1}} {
		if !c.has(f.option) {
			continue
		}
		v, err := strconv.ParseUint(c.options[f.option], 10, 64)
		if err != nil || v > f.max {
			return d, fmt.Errorf("%s %q: a number from 0 to %d is wanted", f.option, c.options[f.option], f.max)
		}
		*f.to = uint32(v)
	}
	if d.Lower > d.Upper {
		return d, fmt.Errorf("the lower threshold %d is above the upper one, %d", d.Lower, d.Upper)
	}
	return d, nil
}

// method reads how packets get to a server.
func (c *command) method(d *ipvs.Destination) error {
	d.Method = ipvs.DirectRoute
	said := 0
	for name, m := range map[string]ipvs.Method{"gatewaying": ipvs.DirectRoute, "ipip": ipvs.Tunnel, "masquerading": ipvs.Masquerade} {
		if c.has(name) {
			d.Method = m
			said++
		}
	}
	if said > 1 {
		return errors.New("more than one of -g -i -m")
	}
	sums := 0
	for name, f := range map[string]ipvs.TunnelFlags{"tun-nocsum": ipvs.NoChecksum, "tun-csum": ipvs.Checksum, "tun-remcsum": ipvs.RemoteChecksum} {
		if c.has(name) {
			d.TunFlags = f
			sums++
		}
	}
	if d.Method != ipvs.Tunnel {
		if c.has("tun-type") || c.has("tun-port") || sums > 0 {
			return errors.New("options of a tunnel need -i")
		}
		return nil
	}
	kind := ""
	if c.has("tun-type") {
		kind = c.options["tun-type"]
	}
	switch kind {
	case "", "ipip":
		d.TunType = ipvs.IPIP
	case "gue":
		d.TunType = ipvs.GUE
	case "gre":
		d.TunType = ipvs.GRE
	default:
		return fmt.Errorf("tunnel type %q: ipip, gue or gre is wanted", kind)
	}
	switch {
	case sums > 1:
		return errors.New("more than one of --tun-nocsum --tun-csum --tun-remcsum")
	case d.TunType == ipvs.IPIP && sums > 0, d.TunType == ipvs.GRE && c.has("tun-remcsum"):
		return errors.New("a checksum that this type of tunnel has not")
	case d.TunType != ipvs.GUE && c.has("tun-port"):
		return errors.New("--tun-port is for gue only")
	case d.TunType != ipvs.GUE:
		return nil
	}
	p, err := strconv.ParseUint(c.options["tun-port"], 10, 16)
	if err != nil || p == 0 {
		return errors.New("gue needs --tun-port, a number from 1 to 65535")
	}
	d.TunPort = uint16(p)
	return nil
}
