package host

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// root is where settings are read.
const root = "/proc/sys"

// families are the address families by Linux's number and ours.
var families = []struct{ af, number int }{{netlink.FAMILY_V4, 4}, {netlink.FAMILY_V6, 6}}

// Gather reads the state of this host, in the calling thread's network
// namespace.
func Gather() (*Snapshot, error) {
	s := &Snapshot{Sysctls: map[string]string{}}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		a := l.Attrs()
		names[a.Index] = a.Name
		x := Link{
			Name: a.Name, Index: a.Index, Type: l.Type(), MTU: a.MTU, Master: a.MasterIndex,
			Up: a.Flags&net.FlagUp != 0, Loopback: a.Flags&net.FlagLoopback != 0, NoARP: a.RawFlags&unix.IFF_NOARP != 0,
		}
		if b, ok := l.(*netlink.Bridge); ok {
			x.Snooping = b.MulticastSnooping != nil && *b.MulticastSnooping
			text, _ := os.ReadFile("/sys/class/net/" + a.Name + "/bridge/multicast_querier")
			x.Querier = strings.TrimSpace(string(text)) == "1"
		}
		s.Links = append(s.Links, x)
	}
	if err := s.addrs(names); err != nil {
		return nil, err
	}
	if err := s.routes(names); err != nil {
		return nil, err
	}
	s.settings()
	s.udpTunnels()
	return s, nil
}

func (s *Snapshot) addrs(names map[int]string) error {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		ones, _ := a.Mask.Size()
		broadcast, _ := netip.AddrFromSlice(a.Broadcast)
		s.Addrs = append(s.Addrs, Addr{
			Device: names[a.LinkIndex], Prefix: netip.PrefixFrom(ip.Unmap(), ones), Label: a.Label, Scope: a.Scope,
			Tentative: a.Flags&unix.IFA_F_TENTATIVE != 0, DADFailed: a.Flags&unix.IFA_F_DADFAILED != 0,
			// The flag of a secondary address is that of a temporary one in IPv6.
			Broadcast: broadcast.Unmap(), Secondary: ip.Unmap().Is4() && a.Flags&unix.IFA_F_SECONDARY != 0,
		})
	}
	return nil
}

func (s *Snapshot) routes(names map[int]string) error {
	for _, f := range families {
		list, err := netlink.RouteListFiltered(f.af, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return fmt.Errorf("routes: %w", err)
		}
		for _, r := range list {
			if r.Dst != nil {
				if ones, _ := r.Dst.Mask.Size(); ones != 0 {
					continue
				}
			}
			gw, _ := netip.AddrFromSlice(r.Gw)
			s.Routes = append(s.Routes, Route{Family: f.number, Device: names[r.LinkIndex], Gateway: gw.Unmap(), AdvMSS: r.AdvMSS, MTU: r.MTU, Metric: r.Priority})
		}
	}
	return nil
}

// settings reads what exists; what does not is left out.
func (s *Snapshot) settings() {
	read := func(path string) {
		if b, err := os.ReadFile(filepath.Join(root, path)); err == nil {
			s.Sysctls[path] = strings.TrimSpace(string(b))
		}
	}
	for _, path := range Settings {
		read(path)
	}
	for family, names := range LinkSettings() {
		for _, name := range names {
			read(Setting(family, "all", name))
			read(Setting(family, "default", name))
			for i := range s.Links {
				read(Setting(family, s.Links[i].Name, name))
			}
		}
	}
}

// udpTunnels reads the ports of FOU; a kernel without it has none. It does
// not have the kernel load the module.
func (s *Snapshot) udpTunnels() {
	if _, err := os.Stat("/sys/module/fou"); err != nil {
		return
	}
	for _, fam := range families {
		list, err := netlink.FouList(fam.af)
		if err != nil {
			continue
		}
		for _, f := range list {
			if f.Family == fam.af {
				s.UDPTunnels = append(s.UDPTunnels, UDPTunnel{Port: uint16(f.Port), Family: fam.number, GUE: f.EncapType == netlink.FOU_ENCAP_GUE})
			}
		}
	}
}
