package lvs

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"holdfast/ipvs"
)

// Every is the name that stands for all virtual servers.
const Every = "all"

// maxNamed is how many names an error lists.
const maxNamed = 8

// ServiceName is the short name of a virtual server, as operators type it:
// "192.0.2.1:80/tcp", "fwmark:3", "group:web", "group:web:1" for the second one
// of a group.
func ServiceName(k ipvs.ServiceKey) string { return string(appendName(nil, k)) }

func appendName(b []byte, k ipvs.ServiceKey) []byte {
	switch {
	case k.Group != "":
		b = append(append(b, "group:"...), k.Group...)
		if k.Ordinal != 0 {
			b = strconv.AppendInt(append(b, ':'), int64(k.Ordinal), 10)
		}
	case k.FWMark != 0:
		b = strconv.AppendUint(append(b, "fwmark:"...), uint64(k.FWMark), 10)
		if k.Family == ipvs.INET6 {
			b = append(b, "/inet6"...)
		}
	default:
		b = netip.AddrPortFrom(k.Addr, k.Port).AppendTo(b)
		b = append(append(b, '/'), ipvs.ProtocolName(k.Protocol)...)
	}
	return b
}

// wholeName is the name that fits one virtual server also where others share the
// group or the mark: "group:web:0", "fwmark:3/inet".
func wholeName(k ipvs.ServiceKey) string {
	switch name := ServiceName(k); {
	case k.Group != "" && k.Ordinal == 0:
		return name + ":0"
	case k.Group == "" && k.FWMark != 0 && k.Family == ipvs.INET:
		return name + "/inet"
	default:
		return name
	}
}

// nameOf is the short name of a virtual server here, which no other one answers to.
func (s *services) nameOf(k ipvs.ServiceKey) string {
	shared := s.grouped[k.Group] > 1
	if k.FWMark != 0 {
		shared = s.virtual(ipvs.MarkKey(ipvs.INET6, k.FWMark)) != nil // with the one of IPv4
	}
	if shared {
		return wholeName(k)
	}
	return ServiceName(k)
}

// ServerName is the short name of a real server: "198.51.100.1:80".
func ServerName(d ipvs.DestKey) string { return netip.AddrPortFrom(d.Addr, d.Port).String() }

// name is what somebody typed for a service or server; what was left out
// matches everything.
type name struct {
	group  string
	mark   uint32
	family ipvs.Family // 0: any
	addr   netip.Addr
	port   int    // -1: any; of a group the ordinal
	proto  string // empty: any
}

// parseName reads the short name, the one of the status and of notify lines
// ("[192.0.2.1]:tcp:80", "FWM 3"), the one of the configuration ("192.0.2.1 80",
// "fwmark 3"), those of plan and of the listings ("TCP 192.0.2.1:80",
// "fwmark 3 IPv4"), and what is left of them without port or protocol.
func parseName(text string) (name, error) {
	n := name{port: -1}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '/' })
	wrong := func() (name, error) {
		return name{}, fmt.Errorf("%q is no name of a server: ADDRESS:PORT, for services also fwmark:MARK and group:NAME", text)
	}
	if len(words) == 0 || len(text) > 200 {
		return wrong()
	}
	if g, ok := groupName(text); ok {
		return g, nil
	}
	if len(words) > 1 && isProtocol(words[0]) {
		words = append(words[1:], words[0])
	}
	first := strings.ToLower(words[0])
	for _, prefix := range []string{"fwmark", "fwm"} {
		rest, ok := strings.CutPrefix(first, prefix)
		if !ok {
			continue
		}
		words = words[1:]
		if rest = strings.TrimPrefix(rest, ":"); rest == "" && len(words) > 0 {
			rest, words = words[0], words[1:]
		}
		mark, err := strconv.ParseUint(rest, 10, 32)
		if err != nil || mark == 0 || len(words) > 1 {
			return wrong()
		}
		n.mark = uint32(mark)
		if len(words) == 1 {
			switch strings.ToLower(words[0]) {
			case "inet", "ipv4":
				n.family = ipvs.INET
			case "inet6", "ipv6":
				n.family = ipvs.INET6
			default:
				return wrong()
			}
		}
		return n, nil
	}
	// An address, then a port and a protocol, in any order and each at most once.
	rest := ""
	if a, err := netip.ParseAddr(first); err == nil {
		n.addr = a
	} else {
		host, tail := "", ""
		if strings.HasPrefix(first, "[") {
			host, tail, _ = strings.Cut(first[1:], "]")
		} else {
			host, tail, _ = strings.Cut(first, ":")
		}
		if n.addr, err = netip.ParseAddr(host); err != nil {
			return wrong()
		}
		rest = tail
	}
	for _, w := range append(strings.FieldsFunc(rest, func(r rune) bool { return r == ':' }), words[1:]...) {
		w = strings.ToLower(w)
		port, err := strconv.ParseUint(w, 10, 16)
		switch {
		case err == nil && n.port < 0:
			n.port = int(port)
		case isProtocol(w) && n.proto == "":
			n.proto = w
		default:
			return wrong()
		}
	}
	return n, nil
}

func isProtocol(word string) bool {
	return slices.Contains([]string{"tcp", "udp", "sctp"}, strings.ToLower(word))
}

// groupName reads "group:web", "group:web:1", "group web" and "[web]:1".
func groupName(text string) (name, bool) {
	n := name{port: -1}
	rest, ok := strings.CutPrefix(text, "group")
	switch {
	case ok && rest != "" && (rest[0] == ':' || rest[0] == ' '):
		rest = strings.TrimSpace(rest[1:])
	case strings.HasPrefix(text, "["):
		host, tail, _ := strings.Cut(text[1:], "]")
		if _, err := netip.ParseAddr(host); err == nil || !strings.HasPrefix(tail, ":") {
			return n, false
		}
		rest = host + tail
	default:
		return n, false
	}
	n.group = rest
	if i := strings.LastIndexByte(rest, ':'); i > 0 {
		if ordinal, err := strconv.ParseUint(rest[i+1:], 10, 16); err == nil {
			n.group, n.port = rest[:i], int(ordinal)
		}
	}
	return n, n.group != ""
}

func (n name) service(k ipvs.ServiceKey) bool {
	if n.group != "" {
		return k.Group == n.group && (n.port < 0 || int(k.Ordinal) == n.port)
	}
	if n.mark != 0 {
		return k.FWMark == n.mark && (n.family == 0 || k.Family == n.family)
	}
	return k.FWMark == 0 && k.Group == "" && k.Addr == n.addr && (n.port < 0 || int(k.Port) == n.port) &&
		(n.proto == "" || n.proto == ipvs.ProtocolName(k.Protocol))
}

func (n name) server(d ipvs.DestKey) bool {
	return d.Addr == n.addr && (n.port < 0 || int(d.Port) == n.port)
}

// find returns the virtual server of a name, or all of them.
func (s *services) find(text string) ([]ipvs.ServiceKey, error) {
	if text == Every {
		return s.order, nil
	}
	n, err := parseName(text)
	var found []string
	var keys []ipvs.ServiceKey
	for _, k := range s.order {
		if err == nil && n.service(k) {
			keys, found = append(keys, k), append(found, wholeName(k))
		}
	}
	switch {
	case len(keys) == 1:
		return keys, nil
	case err != nil:
		return nil, fmt.Errorf("virtual_server: %w; there is %s", err, listed(s.names()))
	case len(keys) == 0:
		return nil, fmt.Errorf("there is no virtual_server %s, but %s", text, listed(s.names()))
	}
	return nil, fmt.Errorf("virtual_server %s may be %s: say which", text, listed(found))
}

// names are those of all virtual servers.
func (s *services) names() []string {
	out := make([]string, len(s.order))
	for i, k := range s.order {
		out[i] = s.nameOf(k)
	}
	return out
}

// findServers returns the server of a name in each of the services.
func findServers(text string, services []ipvs.ServiceKey, of func(ipvs.ServiceKey) []ipvs.DestKey) ([]subject, error) {
	n, err := parseName(text)
	if err == nil && !n.addr.IsValid() {
		err = fmt.Errorf("%q is no name of a real server", text)
	}
	if err != nil {
		return nil, fmt.Errorf("real_server: %w", err)
	}
	var out []subject
	for _, k := range services {
		var found []string
		for _, d := range of(k) {
			if n.server(d) {
				found = append(found, ServerName(d))
				out = append(out, subject{k, d})
			}
		}
		if len(found) > 1 {
			return nil, fmt.Errorf("real_server %s of virtual_server %s may be %s: say which", text, ServiceName(k), listed(found))
		}
	}
	if len(out) == 0 {
		where := "any virtual_server"
		if len(services) == 1 {
			where = "virtual_server " + ServiceName(services[0])
		}
		var names []string
		seen := map[ipvs.DestKey]bool{}
		for _, k := range services {
			for _, d := range of(k) {
				if !seen[d] {
					seen[d] = true
					names = append(names, ServerName(d))
				}
			}
		}
		return nil, fmt.Errorf("there is no real_server %s in %s, but %s", text, where, listed(names))
	}
	return out, nil
}

// listed names what is there, and counts what is too much to name.
func listed(names []string) string {
	if len(names) == 0 {
		return "none at all"
	}
	if len(names) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}
