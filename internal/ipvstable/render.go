package ipvstable

import (
	"fmt"
	"io"
	"strings"

	"holdfast/ipvs"
)

// Render prints the table in ipvsadm's columns; those that ipvsadm shows only
// when asked are added when there is something in them.
func (l *Listing) Render(w io.Writer) error {
	var persist, limits, tunnels bool
	for i := range l.Services {
		for j := range l.Services[i].Servers {
			r := &l.Services[i].Servers[j]
			persist = persist || r.Persistent > 0
			limits = limits || r.Upper > 0 || r.Lower > 0
			tunnels = tunnels || r.Tunnel != ""
		}
	}
	var b, line strings.Builder
	column := func(show bool, format string, v any) {
		if show {
			fmt.Fprintf(&line, format, v)
		}
	}
	end := func() { // without blanks before it
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		line.Reset()
	}
	fmt.Fprintf(&b, "IP Virtual Server version %s (size=%d)\n", l.Version, l.TableSize)
	b.WriteString("Prot LocalAddress:Port Scheduler Flags\n")
	line.WriteString("  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn ")
	column(persist, " %-11s", "PersistConn")
	column(limits, " %-10s", "Uthreshold")
	column(limits, " %-10s", "Lthreshold")
	column(tunnels, " %s", "Tunnel")
	end()
	for i := range l.Services {
		s := &l.Services[i]
		fmt.Fprintf(&b, "%-4s %s%s\n", s.Protocol, s.Name, s.flags())
		for j := range s.Servers {
			r := &s.Servers[j]
			fmt.Fprintf(&line, "  -> %-28s %-7s %-6d %-10d %-10d", r.Name, r.Forward, r.Weight, r.Active, r.Inactive)
			column(persist, " %-11d", r.Persistent)
			column(limits, " %-10d", r.Upper)
			column(limits, " %-10d", r.Lower)
			column(tunnels, " %s", r.Tunnel)
			end()
		}
	}
	for _, d := range l.Daemons {
		fmt.Fprintf(&b, "%s sync daemon (mcast=%s, syncid=%d, maxlen=%d, group=%s, port=%d, ttl=%d)\n", d.Role, d.Interface, d.SyncID, d.MaxLen, d.Group, d.Port, d.TTL)
	}
	fmt.Fprintf(&b, "Timeout (tcp tcpfin udp): %d %d %d\n", l.Timeouts.TCP, l.Timeouts.TCPFin, l.Timeouts.UDP)
	_, err := io.WriteString(w, b.String())
	return err
}

// flags is what follows the name in a list.
func (s *Service) flags() string {
	var b strings.Builder
	if s.IPv6 {
		b.WriteString(" IPv6")
	}
	b.WriteString(" " + s.Scheduler)
	if s.SchedFlags != "" {
		fmt.Fprintf(&b, " (%s)", s.SchedFlags)
	}
	if s.Persistent > 0 {
		fmt.Fprintf(&b, " persistent %d", s.Persistent)
	}
	if s.Netmask != "" {
		fmt.Fprintf(&b, " mask %s", s.Netmask)
	}
	if s.PE != "" {
		fmt.Fprintf(&b, " pe %s", s.PE)
	}
	if s.OnePacket {
		b.WriteString(" ops")
	}
	if s.Owned {
		b.WriteString("  # kept by holdfast")
	}
	return b.String()
}

// RenderStats prints totals and rates.
func (l *Listing) RenderStats(w io.Writer) error {
	const format = "%-32s %10v %12v %12v %16v %16v %8v %9v %9v %12v %12v\n"
	var b strings.Builder
	fmt.Fprintf(&b, format, "Prot LocalAddress:Port", "Conns", "InPkts", "OutPkts", "InBytes", "OutBytes", "Conns/s", "InPkts/s", "OutPkts/s", "InBytes/s", "OutBytes/s")
	b.WriteString("  -> RemoteAddress:Port\n")
	line := func(name string, c *Counters) {
		fmt.Fprintf(&b, format, name, c.Connections, c.InPackets, c.OutPackets, c.InBytes, c.OutBytes,
			c.Rates.Connections, c.Rates.InPackets, c.Rates.OutPackets, c.Rates.InBytes, c.Rates.OutBytes)
	}
	for i := range l.Services {
		s := &l.Services[i]
		name := fmt.Sprintf("%-4s %s", s.Protocol, s.Name)
		if s.IPv6 {
			name += " IPv6" // a mark can have a service of each family
		}
		line(name, &s.Counters)
		for j := range s.Servers {
			line("  -> "+s.Servers[j].Name, &s.Servers[j].Counters)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ConnectionsHeader is the line above those of [RenderConnection].
const ConnectionsHeader = "Prot Expire State       Origin Source                  Virtual                 Destination\n"

// RenderConnection prints one connection.
func RenderConnection(w io.Writer, c *ipvs.Connection) error {
	line := fmt.Sprintf("%-4s %6s %-11s %-6s %-23s %-23s %s\n", c.Protocol, fmt.Sprintf("%d:%02d", c.Expires/60, c.Expires%60),
		c.State, c.Origin, c.Client, c.Virtual, c.Dest)
	_, err := io.WriteString(w, line)
	return err
}
