package lvs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"holdfast/healthcheck"
	"holdfast/internal/config"
	"holdfast/ipvs"
)

// services is a configuration as this package works with it.
type services struct {
	cfg    *config.Config
	order  []ipvs.ServiceKey       // of the virtual servers, as configured
	places ipvs.Places             // in order
	conf   []*config.VirtualServer // of order
	items  []healthcheck.Item      // one a check, keyed by checkKey
	refs   map[string]checkRef
	// kernel are services of the kernel, each with the virtual servers that stand
	// for it, in the order of the configuration; members is the other way. Those
	// that nothing but themselves stands for are in neither: see behind and of.
	kernel  map[ipvs.ServiceKey][]ipvs.ServiceKey
	members map[ipvs.ServiceKey][]ipvs.ServiceKey
	grouped map[string]int    // how many virtual servers a group has
	keys    []ipvs.ServiceKey // of all services of the kernel, in canonical order
	parts   []part            // of each virtual server of the configuration
	// mixed says, where connection sync is configured, why it does not run: a server
	// of another family than its service; empty: there is none.
	mixed string
}

// virtual is a virtual server of the configuration; nil: there is none.
func (s *services) virtual(k ipvs.ServiceKey) *config.VirtualServer {
	if i, ok := s.places.Find(k, s.key); ok {
		return s.conf[i]
	}
	return nil
}

// key is that of the virtual server in a place of the configuration.
func (s *services) key(place int) *ipvs.ServiceKey { return &s.order[place] }

// part is what was made of one virtual server: whether it counts, and its items.
type part struct {
	counts     bool
	first, end int
}

// checkRef says whose check an item is.
type checkRef struct {
	service ipvs.ServiceKey
	server  ipvs.DestKey
	id      string
}

// convert makes the plain values of the packages below from a configuration, but
// for those that forPool makes.
func convert(cfg *config.Config) *services {
	n := len(cfg.VirtualServers)
	s := &services{
		cfg: cfg, order: make([]ipvs.ServiceKey, 0, n),
		places: ipvs.NewPlaces(n), conf: make([]*config.VirtualServer, 0, n),
		refs: map[string]checkRef{}, kernel: map[ipvs.ServiceKey][]ipvs.ServiceKey{}, members: map[ipvs.ServiceKey][]ipvs.ServiceKey{}, grouped: map[string]int{},
		parts: make([]part, n),
	}
	groups := map[string]*config.VirtualServerGroup{}
	for i := range cfg.ServiceGroups {
		groups[cfg.ServiceGroups[i].Name] = &cfg.ServiceGroups[i]
	}
	for i := range cfg.VirtualServers {
		v := &cfg.VirtualServers[i]
		key := serviceKey(v)
		if s.virtual(key) != nil {
			continue // the configuration says so
		}
		s.parts[i].counts = true
		s.places.Add(key, s.key)
		s.order, s.conf = append(s.order, key), append(s.conf, v)
		if v.Group != "" {
			s.grouped[v.Group]++
			s.standsFor(key, groupMembers(v, groups[v.Group]))
		} else if others := s.kernel[key]; others != nil {
			s.kernel[key] = append(others, key)
		}
	}
	s.list()
	if cfg.Global.LVSSyncDaemon != nil {
		s.findMixed()
	}
	return s
}

// forPool makes the virtual servers for a pool, one after the other and their
// servers in the same memory, and with each its items; it goes through them once.
// They come into force now. kept says which of the configuration's stand
// unchanged in that of old, and where; nil: none is known to. The pool has those
// of old; nil: none.
func (s *services) forPool(pool *ipvs.Pool, now time.Time, old *services, kept []int) iter.Seq[ipvs.VirtualServer] {
	return func(yield func(ipvs.VirtualServer) bool) {
		var servers []ipvs.RealServer
		for i, n := 0, 0; i < len(s.parts); i++ {
			if !s.parts[i].counts {
				continue
			}
			key, v := s.order[n], s.conf[n]
			n++
			s.parts[i].first = len(s.items)
			var vs ipvs.VirtualServer
			if kept != nil && kept[i] >= 0 && old.parts[kept[i]].counts {
				s.again(old, old.parts[kept[i]])
				vs = pool.Unchanged(key)
			} else {
				vs = s.virtualServer(v, key, servers[:0], now)
				servers = vs.Servers
			}
			vs.InitNotifies = s.cfg.Global.RSInitNotifies
			s.parts[i].end = len(s.items)
			if !yield(vs) {
				return
			}
		}
	}
}

// again takes over the items of a virtual server that were made before.
func (s *services) again(old *services, p part) {
	for _, it := range old.items[p.first:p.end] {
		s.refs[it.Key] = old.refs[it.Key]
		s.items = append(s.items, it)
	}
}

// virtualServer makes one for the pool; its servers are appended to servers.
func (s *services) virtualServer(v *config.VirtualServer, key ipvs.ServiceKey, servers []ipvs.RealServer, now time.Time) ipvs.VirtualServer {
	vs := ipvs.VirtualServer{Service: service(v), Quorum: clamp(v.Quorum), Hysteresis: clamp(v.Hysteresis), Omega: v.Omega, Servers: servers}
	if v.SorryServer != nil {
		vs.Sorry = &ipvs.SorryServer{
			Destination: destination(v.SorryServer.Addr, v.SorryServer.Port, v.SorryServer.Forward),
			Inhibit:     v.SorryServer.Inhibit,
		}
	}
	for j := range v.RealServers {
		vs.Servers = append(vs.Servers, s.realServer(key, &v.RealServers[j], now))
	}
	return vs
}

func serviceKey(v *config.VirtualServer) ipvs.ServiceKey {
	if v.Group != "" {
		return ipvs.GroupKey(ipvs.Protocol(v.Protocol), v.Group, v.Ordinal)
	}
	if v.FWMark != 0 {
		return ipvs.MarkKey(family(v.Family), v.FWMark)
	}
	return ipvs.AddrKey(ipvs.Protocol(v.Protocol), v.Addr, v.Port)
}

func family(f config.Family) ipvs.Family {
	if f == 6 {
		return ipvs.INET6
	}
	return ipvs.INET
}

func service(v *config.VirtualServer) ipvs.Service {
	s := ipvs.Service{ServiceKey: serviceKey(v), Scheduler: v.LBAlgo, Flags: ipvs.Flags(v.SchedFlags), PE: v.PersistenceEngine}
	if v.OnePacket {
		s.Flags |= ipvs.OnePacket
	}
	if v.PersistenceTimeout > 0 {
		s.Flags |= ipvs.Persistent
		s.Timeout = uint32(v.PersistenceTimeout / time.Second)
	}
	s.Netmask = mask(v, s.Family)
	return s
}

// mask is the netmask of a service of a virtual server.
func mask(v *config.VirtualServer, f ipvs.Family) ipvs.Mask {
	if v.PersistenceTimeout == 0 || v.PersistenceGranularity == 0 || f != ipvs.INET6 && v.PersistenceGranularity > 32 {
		return ipvs.FullMask(f)
	}
	return ipvs.PrefixMask(f, v.PersistenceGranularity)
}

func destination(addr netip.Addr, port uint16, f config.Forward) ipvs.Destination {
	d := ipvs.Destination{DestKey: ipvs.DestKey{Addr: addr, Port: port}}
	switch f.Method {
	case config.NAT:
		d.Method = ipvs.Masquerade
	case config.DR:
		d.Method = ipvs.DirectRoute
	case config.TUN:
		d.Method = ipvs.Tunnel
		d.TunType, d.TunPort, d.TunFlags = ipvs.TunnelType(f.TunType), f.TunPort, ipvs.TunnelFlags(f.TunCsum)
	}
	return d
}

func (s *services) realServer(key ipvs.ServiceKey, r *config.RealServer, now time.Time) ipvs.RealServer {
	rs := ipvs.RealServer{Destination: destination(r.Addr, r.Port, r.Forward), Inhibit: r.InhibitOnFailure}
	x := r.Extra()
	rs.SlowStart = x.SlowStart
	if r.Drain {
		rs.Order = ipvs.Order{Action: ipvs.Drain}
		if limit := x.DrainLimit; limit > 0 {
			rs.Order.Deadline = now.Add(limit)
		}
	}
	rs.Weight, rs.Upper, rs.Lower = clamp(int(r.Weight)), x.UpperThreshold, x.LowerThreshold
	for k := range r.Checkers() {
		if !r.Checkers()[k].Kind.Active() {
			continue // the configuration says so
		}
		c := check(&r.Checkers()[k], rs.DestKey)
		id := checkID(c)
		// A check that stands there twice is two checks.
		for n := 2; s.refs[checkKey(key, rs.DestKey, id)] != (checkRef{}); n++ {
			id = fmt.Sprintf("%s-%d", checkID(c), n)
		}
		name := checkKey(key, rs.DestKey, id)
		s.refs[name] = checkRef{key, rs.DestKey, id}
		s.items = append(s.items, healthcheck.Item{Key: name, Config: c})
		rs.Checks = append(rs.Checks, ipvs.Check{ID: id, Alpha: c.Alpha})
	}
	return rs
}

// checkKey names a check in verdicts and in the status.
func checkKey(s ipvs.ServiceKey, d ipvs.DestKey, id string) string {
	return fmt.Sprintf("%s [%s]:%d %s", checkTarget(s), d.Addr, d.Port, id)
}

// checkID is equal for equal checks: the kind and a hash of everything that
// says what is looked at. With other times it is the same check, so that a
// reload that changes them puts no dead server into service.
func checkID(c healthcheck.Config) string {
	b, err := json.Marshal(c.Look())
	if err != nil {
		panic(fmt.Sprintf("lvs: check cannot be written: %v", err)) // plain values always can
	}
	sum := sha256.Sum256(b)
	return string(c.Kind) + "-" + hex.EncodeToString(sum[:6])
}

func check(c *config.Checker, server ipvs.DestKey) healthcheck.Config {
	out := healthcheck.Config{
		Kind: healthcheck.Kind(c.Kind), BindTo: c.BindTo, BindPort: c.BindPort, FWMark: c.FWMark,
		ConnectTimeout: c.ConnectTimeout, DelayLoop: c.DelayLoop, Warmup: c.Warmup,
		Retry: c.Retry, DelayBeforeRetry: c.DelayBeforeRetry, Alpha: c.Alpha,
	}
	if c.Kind == config.MiscCheck {
		out.Command = healthcheck.Command{
			Args: c.MiscPath.Args, Shell: c.MiscPath.Shell, User: c.MiscPath.User, Group: c.MiscPath.Group,
		}
		out.MiscTimeout, out.Dynamic = c.MiscTimeout, c.MiscDynamic
		return out
	}
	addr, port := c.ConnectIP.Unmap(), c.ConnectPort
	if !addr.IsValid() {
		addr = server.Addr
	}
	if port == 0 {
		port = server.Port
	}
	out.Addr = netip.AddrPortFrom(addr, port)
	out.Protocol, out.FastRecovery = c.HTTPProtocol, c.FastRecovery
	for _, u := range c.URLs {
		hu := healthcheck.URL{Path: u.Path, Host: u.VirtualHost, Digest: u.Digest}
		for _, r := range u.StatusCodes {
			hu.Status = append(hu.Status, healthcheck.StatusRange(r))
		}
		out.URLs = append(out.URLs, hu)
	}
	return out
}

func clamp(n int) uint32 { return uint32(max(n, 0)) }
