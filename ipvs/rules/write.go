package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"holdfast/ipvs"
)

// Write prints rules as `ipvsadm -S -n` does, numbers for names, in canonical
// order: timeouts, services each with its servers, connection-sync daemons. Of an
// empty table it writes -C, as a file that says nothing of services is taken for one
// that was cut off ([Blank]).
func Write(r Rules) string {
	var b strings.Builder
	if t := r.Timeouts; t != (ipvs.Timeouts{}) {
		fmt.Fprintf(&b, "--set %d %d %d\n", t.TCP/time.Second, t.TCPFin/time.Second, t.UDP/time.Second)
	}
	if len(r.Table) == 0 {
		b.WriteString("-C\n")
	}
	t := r.Table.Clone()
	t.Sort()
	for i := range t {
		writeService(&b, &t[i].Service)
		for j := range t[i].Dests {
			writeServer(&b, t[i].ServiceKey, &t[i].Dests[j])
		}
	}
	for i := range r.Daemons {
		writeDaemon(&b, &r.Daemons[i])
	}
	return b.String()
}

// Key is the option that names a service: -t 192.0.2.1:80.
func Key(k ipvs.ServiceKey) string {
	if k.FWMark != 0 {
		if k.Family == ipvs.INET6 {
			return fmt.Sprintf("-f %d -6", k.FWMark)
		}
		return fmt.Sprintf("-f %d", k.FWMark)
	}
	option := map[ipvs.Protocol]string{ipvs.TCP: "-t", ipvs.UDP: "-u", ipvs.SCTP: "--sctp-service"}[k.Protocol]
	return option + " " + Address(k.Addr, k.Port)
}

func writeService(b *strings.Builder, s *ipvs.Service) {
	fmt.Fprintf(b, "-A %s -s %s", Key(s.ServiceKey), s.Scheduler)
	if s.Flags&ipvs.Persistent != 0 {
		fmt.Fprintf(b, " -p %d", s.Timeout)
	}
	if s.Netmask != ipvs.FullMask(s.Family) {
		fmt.Fprintf(b, " -M %s", s.Netmask)
	}
	if s.PE != "" {
		fmt.Fprintf(b, " --pe %s", s.PE)
	}
	if s.Flags&ipvs.OnePacket != 0 {
		b.WriteString(" -o")
	}
	if f := s.SchedFlags(); f != "" {
		b.WriteString(" -b " + f)
	}
	b.WriteByte('\n')
}

func writeServer(b *strings.Builder, k ipvs.ServiceKey, d *ipvs.Destination) {
	method := map[ipvs.Method]string{ipvs.Masquerade: "-m", ipvs.Tunnel: "-i"}[d.Method]
	if method == "" {
		method = "-g" // also for what the kernel found to be local, or bypass
	}
	fmt.Fprintf(b, "-a %s -r %s %s -w %d", Key(k), Address(d.Addr, d.Port), method, d.Weight)
	if d.Method == ipvs.Tunnel {
		fmt.Fprintf(b, " --tun-type %s", ipvs.TunnelName(d.TunType))
		if d.TunType == ipvs.GUE {
			fmt.Fprintf(b, " --tun-port %d", d.TunPort)
		}
		if d.TunType != ipvs.IPIP {
			fmt.Fprintf(b, " --tun-%s", ipvs.ChecksumName(d.TunFlags))
		}
	}
	if d.Upper != 0 || d.Lower != 0 {
		fmt.Fprintf(b, " -x %d -y %d", d.Upper, d.Lower)
	}
	b.WriteByte('\n')
}

func writeDaemon(b *strings.Builder, d *ipvs.Daemon) {
	fmt.Fprintf(b, "--start-daemon %s --mcast-interface %s --syncid %d", d.Role, d.Interface, d.SyncID)
	if d.MaxLen != 0 {
		fmt.Fprintf(b, " --sync-maxlen %d", d.MaxLen)
	}
	if d.Group.IsValid() {
		fmt.Fprintf(b, " --mcast-group %s", d.Group)
	}
	if d.Port != 0 {
		fmt.Fprintf(b, " --mcast-port %d", d.Port)
	}
	if d.TTL != 0 {
		fmt.Fprintf(b, " --mcast-ttl %d", d.TTL)
	}
	b.WriteByte('\n')
}

// ServiceName is a service as lists name it: "TCP 192.0.2.1:80", "FWM 7 IPv6".
func ServiceName(k ipvs.ServiceKey) string {
	if k.FWMark == 0 {
		return strings.ToUpper(ipvs.ProtocolName(k.Protocol)) + " " + Address(k.Addr, k.Port)
	}
	name := fmt.Sprintf("FWM %d", k.FWMark)
	if k.Family == ipvs.INET6 {
		name += " IPv6"
	}
	return name
}

// Address is an address with a port, as ipvsadm writes it.
func Address(a netip.Addr, port uint16) string { return netip.AddrPortFrom(a, port).String() }
