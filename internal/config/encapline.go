package config

import (
	"math"
	"strconv"
	"strings"

	"holdfast/vrrp/route"
)

// maxLabels bounds a stack of MPLS labels (MAX_MPLS_LABELS is 30 in the kernel).
const maxLabels = 16

// encap reads a light-weight tunnel: its kind and then its own options.
func (l *objectLine) encap(h *route.Hop, key Word) {
	l.optional = true
	defer func() { l.optional = false }()
	kind := l.value(key)
	if l.bad {
		return
	}
	e := &h.Encap
	switch kind.Text {
	case "ip":
		e.Kind = route.EncapIP
		l.tunnel(e, kind, "tos", "ttl")
	case "ip6":
		e.Kind = route.EncapIP6
		l.tunnel(e, kind, "tc", "hoplimit")
	case "mpls":
		e.Kind = route.EncapMPL
		e.Labels = l.labels(kind)
		if l.peek() == "ttl" {
			w := l.next()
			e.TTL, e.TTLSet = uint8(l.anyNumber(w, 0, 255)), true
		}
	case "ila":
		e.Kind = route.EncapILA
		w := l.value(kind)
		v, ok := locator(w.Text)
		if !ok {
			l.fail(w.Pos, "encap ila: '%s' is no locator of 64 bits", clip(w.Text))
		}
		e.Locator = v
	default:
		l.fail(kind.Pos, "encap is ip, ip6, mpls or ila, not '%s'", clip(kind.Text))
	}
}

// tunnel reads the options of encap ip and ip6; the names of two differ.
func (l *objectLine) tunnel(e *route.Encap, kind Word, tos, ttl string) {
	ends := false // or an id
	defer func() {
		if !ends {
			l.fail(kind.Pos, "encap %s has neither id nor dst nor src", kind.Text)
		}
	}()
	for l.more() {
		switch w := l.words[l.at]; w.Text {
		case "id":
			l.at++
			ends = true
			v := l.value(w)
			id, err := strconv.ParseUint(v.Text, 0, 64)
			if err != nil && !l.bad {
				l.fail(v.Pos, "id: '%s' is not a number", clip(v.Text))
			}
			e.ID = id
		case "dst":
			l.at++
			ends = true
			e.Dst = l.addr(w)
		case "src":
			// Behind dst it is the tunnel's; the route's own comes before.
			l.at++
			ends = true
			e.Src = l.addr(w)
		case tos:
			l.at++
			e.TOS = uint8(l.named(w, "rt_dsfield", 255))
		case ttl:
			l.at++
			e.TTL, e.TTLSet = uint8(l.anyNumber(w, 0, 255)), true
		case "flags":
			l.at++
			e.Flags = uint16(l.anyNumber(w, 0, math.MaxUint16))
		default:
			return
		}
	}
}

// encapFits checks the families of a tunnel's ends.
func (l *objectLine) encapFits(h *route.Hop) {
	e := &h.Encap
	if e.Kind != route.EncapIP && e.Kind != route.EncapIP6 {
		return
	}
	six := e.Kind == route.EncapIP6
	if e.Dst.IsValid() && e.Dst.Is6() != six || e.Src.IsValid() && e.Src.Is6() != six {
		l.fail(l.node.Pos, "encap: an end of the tunnel is of the other family")
	}
}

// labels reads MPLS labels: 100/200/300.
func (l *objectLine) labels(key Word) []uint32 {
	w := l.value(key)
	if l.bad {
		return nil
	}
	var out []uint32
	for _, s := range strings.Split(w.Text, "/") {
		v, err := parseInt(s, 0, 1<<20-1)
		if err != nil || len(out) == maxLabels {
			l.fail(w.Pos, "%s: '%s' is not a stack of labels", key.Text, clip(w.Text))
			return nil
		}
		out = append(out, uint32(v))
	}
	return out
}

// locator reads 64 bits as four groups of an IPv6 address.
func locator(s string) (uint64, bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 4 {
		return 0, false
	}
	var v uint64
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 16, 16)
		if err != nil {
			return 0, false
		}
		v = v<<16 | n
	}
	return v, true
}
