package route

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// family is the kernel's number of an address family.
func family(f uint8) uint8 {
	if f == 6 {
		return afInet6
	}
	return afInet
}

// Body encodes the route as the body of RTM_NEWROUTE and RTM_DELROUTE. index
// gives the number of an interface, 0 where there is none, and vrfTable the
// table of a VRF; it may be nil where no route names one.
func (r *Route) Body(index func(name string) int, vrfTable func(name string) uint32) ([]byte, error) {
	table := r.Table
	if r.VRF != "" {
		if vrfTable != nil {
			table = vrfTable(r.VRF)
		}
		if vrfTable == nil || table == 0 {
			return nil, fmt.Errorf("route %s: vrf: %w", r.Text, &MissingError{r.VRF})
		}
	}
	if table == 0 {
		table = tableMain
	}
	head := make([]byte, 12, 128)
	head[0] = family(r.Family)
	head[1] = uint8(max(r.To.Bits(), 0))
	head[2] = uint8(max(r.From.Bits(), 0))
	head[3] = r.TOS
	head[4] = tableCompat
	if table < 256 {
		head[4] = uint8(table)
	}
	head[5] = orDefault(r.Protocol, Protocol)
	head[6] = r.scope()
	head[7] = orDefault(r.Type, rtnUnicast)

	a := attrs(head)
	if r.To.IsValid() && r.To.Bits() > 0 {
		a.addr(rtaDst, r.To.Masked().Addr())
	}
	if r.From.IsValid() && r.From.Bits() > 0 {
		a.addr(rtaSrc, r.From.Masked().Addr())
	}
	if table >= 256 {
		a.u32(rtaTable, table)
	}
	if r.Metric != 0 {
		a.u32(rtaPriority, r.Metric)
	}
	a.addr(rtaPrefSrc, r.Src)
	flags, err := r.Next.attrs(&a, r.Family, index)
	if err != nil {
		return nil, fmt.Errorf("route %s: %w", r.Text, err)
	}
	if r.Expires != 0 {
		a.u32(rtaExpires, r.Expires)
	}
	r.metrics(&a)
	if r.Pref != 0 {
		a.u8(rtaPref, r.Pref-1)
	}
	if r.TTLProp != 0 {
		a.u8(rtaTTLProp, r.TTLProp-1)
	}
	if err := r.multipath(&a, index); err != nil {
		return nil, fmt.Errorf("route %s: %w", r.Text, err)
	}
	binary.NativeEndian.PutUint32(a[8:], flags)
	return a, nil
}

func orDefault(v, def uint8) uint8 {
	if v == 0 {
		return def
	}
	return v
}

// scope is the given one, or global as keepalived has it, but for the types of
// IPv4 routes that the kernel refuses with that.
func (r *Route) scope() uint8 {
	const local, broadcast, anycast = 2, 3, 4
	switch {
	case r.Scope != ScopeAuto:
		return uint8(r.Scope)
	case r.Family == 6:
		return scopeGlobal
	case r.Type == local:
		return scopeHost
	case r.Type == broadcast || r.Type == anycast:
		return scopeLink
	}
	return scopeGlobal
}

// attrs appends the attributes of one way and returns its RTNH_F_* flags.
func (h *Hop) attrs(a *attrs, fam uint8, index func(string) int) (uint32, error) {
	if h.Via.IsValid() {
		switch {
		case h.Via.Is6() == (fam == 6):
			a.addr(rtaGateway, h.Via)
		default: // RTA_VIA: a struct rtvia
			other := uint16(afInet)
			if h.Via.Is6() {
				other = afInet6
			}
			a.raw(rtaVia, append(binary.NativeEndian.AppendUint16(nil, other), h.Via.AsSlice()...))
		}
	}
	if h.Dev != "" {
		i := index(h.Dev)
		if i <= 0 {
			return 0, &MissingError{h.Dev}
		}
		a.u32(rtaOIf, uint32(i))
	}
	if h.Realms != 0 {
		a.u32(rtaFlow, h.Realms)
	}
	if len(h.NewDst) > 0 {
		a.raw(rtaNewDst, labels(h.NewDst))
	}
	if err := h.Encap.attrs(a); err != nil {
		return 0, err
	}
	if h.OnLink {
		return rtnhOnLink, nil
	}
	return 0, nil
}

// metrics appends RTA_METRICS.
func (r *Route) metrics(a *attrs) {
	if len(r.Metrics) == 0 && r.CongCtl == "" {
		return
	}
	var m attrs
	var lock uint32
	for _, x := range r.Metrics {
		if x.Lock {
			lock |= 1 << x.ID
		}
	}
	if r.LockCC {
		lock |= 1 << rtaxCCAlgo
	}
	if lock != 0 {
		m.u32(rtaxLock, lock)
	}
	for _, x := range r.Metrics {
		m.u32(uint16(x.ID), x.Value)
	}
	if r.CongCtl != "" {
		m.text(rtaxCCAlgo, r.CongCtl)
	}
	a.raw(rtaMetrics, m)
}

// multipath appends RTA_MULTIPATH: a struct rtnexthop and attributes for each
// way.
func (r *Route) multipath(a *attrs, index func(string) int) error {
	if len(r.Hops) == 0 {
		return nil
	}
	var all []byte
	for i := range r.Hops {
		h := &r.Hops[i]
		dev := 0
		if h.Dev != "" {
			if dev = index(h.Dev); dev <= 0 {
				return &MissingError{h.Dev}
			}
		}
		without := *h
		without.Dev = "" // it is in the header
		one := attrs(make([]byte, 8))
		flags, err := without.attrs(&one, r.Family, index)
		if err != nil {
			return err
		}
		binary.NativeEndian.PutUint16(one[0:], uint16(len(one)))
		one[2] = uint8(flags)
		one[3] = uint8(max(h.Weight, 1) - 1)
		binary.NativeEndian.PutUint32(one[4:], uint32(dev))
		all = append(all, one...)
	}
	if len(all) > 65000 {
		return errors.New("too many nexthops")
	}
	a.raw(rtaMultipath, all)
	return nil
}

// attrs appends RTA_ENCAP_TYPE and RTA_ENCAP (linux/lwtunnel.h,
// linux/mpls_iptunnel.h, linux/ila.h).
func (e *Encap) attrs(a *attrs) error {
	const (
		ipID, ipDst, ipSrc, ipTTL, ipTOS, ipFlags = 1, 2, 3, 4, 5, 6
		mplsDst, mplsTTL                          = 1, 2
		ilaLocator                                = 1
	)
	var in attrs
	switch e.Kind {
	case NoEncap:
		return nil
	case EncapIP, EncapIP6:
		if e.ID != 0 {
			in.be64(ipID, e.ID)
		}
		in.addr(ipDst, e.Dst)
		in.addr(ipSrc, e.Src)
		if e.TOS != 0 {
			in.u8(ipTOS, e.TOS)
		}
		if e.TTLSet {
			in.u8(ipTTL, e.TTL)
		}
		if e.Flags != 0 {
			in.raw(ipFlags, binary.BigEndian.AppendUint16(nil, e.Flags))
		}
	case EncapMPL:
		if len(e.Labels) == 0 {
			return errors.New("encap mpls without labels")
		}
		in.raw(mplsDst, labels(e.Labels))
		if e.TTLSet {
			in.u8(mplsTTL, e.TTL)
		}
	case EncapILA:
		in.be64(ilaLocator, e.Locator)
	default:
		return fmt.Errorf("encap kind %d is unknown", e.Kind)
	}
	a.u16(rtaEncapType, uint16(e.Kind))
	a.raw(rtaEncap|nested, in)
	return nil
}
