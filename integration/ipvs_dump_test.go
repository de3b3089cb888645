package integration

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"

	"holdfast/integration/lab"
)

// rawIPVS reads the IPVS of a host attribute by attribute. It knows nothing of
// package ipvs, so that it does not share its blind spots: an attribute
// without a name here is shown in hexadecimal.
type rawIPVS struct {
	conn   *genetlink.Conn
	family genetlink.Family
}

func rawIPVSOf(t testing.TB, h *lab.Host) *rawIPVS {
	t.Helper()
	r := &rawIPVS{}
	err := h.Do(func() error {
		var err error
		if r.conn, err = genetlink.Dial(nil); err != nil {
			return err
		}
		r.family, err = r.conn.GetFamily("IPVS")
		return err
	})
	if err != nil {
		t.Fatalf("IPVS of %s: %v", h.Name, err)
	}
	t.Cleanup(func() { r.conn.Close() })
	return r
}

// The commands and attributes of include/uapi/linux/ip_vs.h that are used here.
const (
	ipvsGetService = 4
	ipvsGetDest    = 8
	ipvsGetDaemon  = 11
	ipvsGetConfig  = 13

	ipvsAttrService = 1
	ipvsAttrDest    = 2
	ipvsAttrDaemon  = 3
)

// A kind is how an attribute is shown.
type kind int

const (
	unknown kind = iota
	number       // of any size, in the host's order
	port         // 16 bits in network order
	text
	address // 16 bytes, of which the family says how many count
	counted // a counter: not shown
	mask    // 32 bits in network order, in hexadecimal
	group   // 4 bytes of IPv4
)

type field struct {
	name string
	kind kind
}

var serviceFields = map[uint16]field{
	1: {"af", number}, 2: {"protocol", number}, 3: {"addr", address}, 4: {"port", port}, 5: {"fwmark", number},
	6: {"scheduler", text}, 7: {"flags", unknown}, 8: {"timeout", number}, 9: {"netmask", mask}, 10: {"stats", counted},
	11: {"pe", text}, 12: {"stats64", counted},
}

var destFields = map[uint16]field{
	1: {"addr", address}, 2: {"port", port}, 3: {"method", number}, 4: {"weight", number}, 5: {"upper", number},
	6: {"lower", number}, 7: {"active", counted}, 8: {"inactive", counted}, 9: {"persistent", counted}, 10: {"stats", counted},
	11: {"af", number}, 12: {"stats64", counted}, 13: {"tunnel", number}, 14: {"tunnel-port", port}, 15: {"tunnel-flags", number},
}

var daemonFields = map[uint16]field{
	1: {"role", number}, 2: {"interface", text}, 3: {"id", number}, 4: {"maxlen", number}, 5: {"group", group},
	6: {"group6", unknown}, 7: {"port", number}, 8: {"ttl", number},
}

var timeoutFields = map[uint16]field{4: {"tcp", number}, 5: {"tcpfin", number}, 6: {"udp", number}}

// lines is everything but the counters: services, destinations, timeouts and
// sync daemons, one a line, sorted.
func (r *rawIPVS) lines() ([]string, error) {
	services, err := r.ask(ipvsGetService, netlink.Dump, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, m := range services {
		service, err := nested(m.Data, ipvsAttrService)
		if err != nil {
			return nil, err
		}
		name := "service " + show(service, serviceFields)
		out = append(out, name)
		var key []netlink.Attribute
		for _, a := range service {
			if t := a.Type &^ netlink.Nested; t <= 5 {
				key = append(key, netlink.Attribute{Type: t, Data: a.Data})
			}
		}
		inner, err := netlink.MarshalAttributes(key)
		if err != nil {
			return nil, err
		}
		body, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: netlink.Nested | ipvsAttrService, Data: inner}})
		if err != nil {
			return nil, err
		}
		dests, err := r.ask(ipvsGetDest, netlink.Dump, body)
		if err != nil {
			return nil, err
		}
		short := show(key, serviceFields)
		for _, d := range dests {
			dest, err := nested(d.Data, ipvsAttrDest)
			if err != nil {
				return nil, err
			}
			out = append(out, "dest of "+short+": "+show(dest, destFields))
		}
	}
	config, err := r.ask(ipvsGetConfig, 0, nil)
	if err != nil {
		return nil, err
	}
	for _, m := range config {
		attrs, err := netlink.UnmarshalAttributes(m.Data)
		if err != nil {
			return nil, err
		}
		out = append(out, "timeouts "+show(attrs, timeoutFields))
	}
	daemons, err := r.ask(ipvsGetDaemon, netlink.Dump, nil)
	if err != nil {
		return nil, err
	}
	for _, m := range daemons {
		d, err := nested(m.Data, ipvsAttrDaemon)
		if err != nil {
			return nil, err
		}
		out = append(out, "daemon "+show(d, daemonFields))
	}
	slices.Sort(out)
	// The kernel counts the services of all namespaces to know where a dump has
	// come to, so what others add meanwhile makes it give some of ours twice.
	return slices.Compact(out), nil
}

func (r *rawIPVS) ask(command uint8, flags netlink.HeaderFlags, body []byte) ([]genetlink.Message, error) {
	m := genetlink.Message{Header: genetlink.Header{Command: command, Version: r.family.Version}, Data: body}
	list, err := r.conn.Execute(m, r.family.ID, netlink.Request|flags)
	if err != nil {
		return nil, fmt.Errorf("IPVS command %d: %w", command, err)
	}
	return list, nil
}

// nested are the attributes inside the one attribute of the type given.
func nested(b []byte, typ uint16) ([]netlink.Attribute, error) {
	attrs, err := netlink.UnmarshalAttributes(b)
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		if a.Type&^netlink.Nested == typ {
			return netlink.UnmarshalAttributes(a.Data)
		}
	}
	return nil, fmt.Errorf("no attribute %d in %x", typ, b)
}

// show writes attributes as "name value", in the order of their numbers.
func show(attrs []netlink.Attribute, fields map[uint16]field) string {
	attrs = slices.Clone(attrs)
	slices.SortFunc(attrs, func(a, b netlink.Attribute) int {
		return int(a.Type&^netlink.Nested) - int(b.Type&^netlink.Nested)
	})
	v4 := false
	for _, a := range attrs {
		if f := fields[a.Type&^netlink.Nested]; f.name == "af" && len(a.Data) >= 1 {
			v4 = a.Data[0] == 2
		}
	}
	var words []string
	for _, a := range attrs {
		typ := a.Type &^ netlink.Nested
		f, ok := fields[typ]
		if !ok {
			f.name = fmt.Sprint("attribute", typ)
		}
		if s, shown := value(a.Data, f.kind, v4); shown {
			words = append(words, f.name+" "+s)
		}
	}
	return strings.Join(words, " ")
}

func value(b []byte, k kind, v4 bool) (string, bool) {
	switch {
	case k == counted:
		return "", false
	case k == number && len(b) == 1:
		return fmt.Sprint(b[0]), true
	case k == number && len(b) == 2:
		return fmt.Sprint(binary.NativeEndian.Uint16(b)), true
	case k == number && len(b) == 4:
		return fmt.Sprint(int32(binary.NativeEndian.Uint32(b))), true
	case k == port && len(b) == 2:
		return fmt.Sprint(binary.BigEndian.Uint16(b)), true
	case k == text:
		return strings.TrimRight(string(b), "\x00"), true
	case k == address && v4 && len(b) == 16:
		return netip.AddrFrom4([4]byte(b)).String(), true
	case k == address && len(b) == 16:
		return netip.AddrFrom16([16]byte(b)).String(), true
	case k == group && len(b) == 4:
		return netip.AddrFrom4([4]byte(b)).String(), true
	}
	return hex.EncodeToString(b), true
}
