package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// portTrack is the key of a track that the engine adds to routers with
// dont_track_primary: their interface may be down, but it has to exist.
const portTrack = "port"

// sourceTrack is the key of a track that the engine adds to routers with
// TrackSource.
const sourceTrack = "source address"

// ifaceTrack is the prefix of the keys that the engine feeds itself.
const ifaceTrack = "interface "

// InterfaceKey is the key of a track that follows an interface.
func InterfaceKey(name string) string { return ifaceTrack + name }

// router is one virtual router in its place.
type router struct {
	id   vrrp.ID
	cfg  Router
	core *vrrp.Router

	started   bool
	resume    bool          // with EventResume instead of EventStart
	inherited bool          // what a predecessor set is there, and the applier has not set it yet
	before    time.Duration // of the last advert of a predecessor, by Deps.Boot; 0: none is known

	ifindex int // 0: the interface is missing
	port    link.Port
	sought  bool // port's source was looked for: without one there is nothing to send from
	hasPort bool // port is known
	open    bool // and open
	portErr error
	src     netip.Addr
	lastSrc netip.Addr // a master's src, which its interface has lost; invalid: it has not
	srcLost bool       // port is kept for one last advert from it
	stays   bool       // port is what it was, or kept
	linkUp  bool
	// sourceless: the interface is up but has no address to send from, and
	// that was logged.
	sourceless bool
	duplicate  netip.Addr // what it would send from, and another host has; with sourceless

	wanted    bool           // addresses are
	taking    bool           // a takeover was told as begun, and not yet as MASTER
	arriving  bool           // wanted, and none was announced as applied yet
	releasing bool           // not master any more; that the addresses are gone is to be told
	gen       uint64         // the core's, of wanted
	set, done uint64         // the applier's: last asked for, last answered
	asked     []link.Address // by set
	askedGen  uint64         // the core's, of asked
	applyErr  error
	againAt   time.Time      // after applyErr: to be asked for again; zero: not due
	againIn   time.Duration  // how long the last wait for that was
	refusedAt time.Time      // the last answer with an applyErr
	gate      time.Time      // zero: open
	addrs     []link.Address // of wanted
	live      []link.Address // known to be there
	objs      []link.Object  // routes and rules of wanted
	doubt     uint64         // the look that shows whether all of live are there; 0: nobody doubts it

	dead     time.Duration // peers wait for at least so long
	lostAt   time.Time     // its device, to a stranger
	remakeBy time.Time     // the device is to be there again; zero: it was not lost
	lastSent time.Time
	noted    time.Duration // what Deps.Sent was told last
	mute     time.Time     // master after a sleep: until then it listens and says nothing
	sentTurn uint64
	sentPrio uint8
	sendErrs uint64
	lastErr  error
	loggedAt time.Time

	heard   [maxPeers]Peer
	peerLog peerLog

	paths        []path    // besides port
	hearings     []hearing // of all paths, port's first; empty without paths
	pathsTold    bool
	judgeFrom    time.Time // backup since then, as far as adverts show
	copyAt       time.Time // the last advert that was no copy
	copyPath     int
	copyPriority uint8
	copies       uint64
	refused      *refusals

	mismatch     Mismatch  // the last one
	mismatchTold time.Time // when one was last logged

	rivalTold time.Time  // when a second master was last logged
	claim     link.Claim // the last one by another machine, as master
	claimAt   time.Time
	claimTold time.Time // when one was last logged
}

// dead is how long the peers of a router wait after its last advert at least:
// the smallest skew is that of an owner.
func dead(c *vrrp.Config) time.Duration {
	n := 3
	if c.DownTimerAdverts > 0 {
		n = min(n, c.DownTimerAdverts)
	}
	return time.Duration(n)*c.AdvertInt + c.AdvertInt/256
}

func (r *router) attrs() []any {
	return []any{"instance", r.cfg.Name, "vrid", r.cfg.VRID, "iface", r.cfg.Interface}
}

// configure takes over a configuration.
func (r *router) configure(c *Router) {
	r.cfg = *c
	r.dead = dead(&c.Config)
}

// coreConfig is what the core gets of it.
func (c *Router) coreConfig() vrrp.Config {
	out := c.Config
	if out.DontTrackPrimary {
		out.Tracks = append(slices.Clone(out.Tracks), vrrp.Track{Key: portTrack, Up: true})
	}
	if c.TrackSource {
		out.Tracks = append(slices.Clone(out.Tracks), vrrp.Track{Key: sourceTrack, Up: true})
	}
	return out
}

// is6 is the family of the adverts.
func (c *Router) is6() bool {
	for _, a := range append([]netip.Addr{c.Group, c.Source}, c.Peers...) {
		if a.IsValid() {
			return a.Is6()
		}
	}
	return len(c.VIPs) > 0 && c.VIPs[0].Prefix.Addr().Is6()
}

// identity is what makes a router of one configuration that of another.
type identity struct {
	is6     bool
	iface   string
	vrid    uint8
	unicast bool
	addr    netip.Addr // group or unicast source
	device  link.DeviceKey
	base    bool // XmitBase
}

func (c *Router) identity() identity {
	id := identity{is6: c.is6(), iface: c.Interface, vrid: c.VRID, unicast: c.Unicast, addr: c.Group}
	if c.Unicast {
		id.addr = c.Source
	}
	id.device, id.base = c.Device.Key(), c.XmitBase
	return id
}

// check finds what an engine cannot run.
func (c *Config) check() error {
	names := map[string]bool{}
	seen := map[identity]string{}
	for i := range c.Routers {
		r := &c.Routers[i]
		if names[r.Name] {
			return fmt.Errorf("router %q: the name is used twice", r.Name)
		}
		names[r.Name] = true
		id := r.identity()
		id.device, id.base = link.DeviceKey{}, false
		if other, ok := seen[id]; ok {
			return fmt.Errorf("router %q: same interface, VRID and destination as %q", r.Name, other)
		}
		seen[id] = r.Name
		switch {
		case r.Interface == "":
			return fmt.Errorf("router %q: no interface", r.Name)
		case r.VRID == 0:
			return fmt.Errorf("router %q: VRID 0", r.Name)
		case r.Priority == 0:
			return fmt.Errorf("router %q: priority 0", r.Name)
		case r.AdvertInt <= 0:
			return fmt.Errorf("router %q: advertisement interval %v", r.Name, r.AdvertInt)
		case !r.Unicast && !r.Group.IsMulticast():
			return fmt.Errorf("router %q: %v is no multicast group", r.Name, r.Group)
		case r.Unicast && len(r.Paths) > 0:
			return fmt.Errorf("router %q: advert paths are for multicast", r.Name)
		case slices.Contains(r.Paths, r.Interface):
			return fmt.Errorf("router %q: its interface %s is no further path", r.Name, r.Interface)
		case r.Unicast && len(r.Peers) == 0:
			return fmt.Errorf("router %q: unicast without peers", r.Name)
		}
	}
	for i := range c.Routers {
		r := &c.Routers[i]
		for _, name := range r.Paths {
			id := r.identity()
			id.device, id.base, id.iface = link.DeviceKey{}, false, name
			if other, ok := seen[id]; ok {
				return fmt.Errorf("router %q: its advert path %s has the VRID and destination of %q", r.Name, name, other)
			}
			seen[id] = r.Name
		}
	}
	for _, g := range c.Groups {
		for _, m := range g.Members {
			if !names[m] {
				return fmt.Errorf("group %q: no router %q", g.Name, m)
			}
		}
	}
	return nil
}

// add makes a router; it starts when its interface is there.
func (e *Engine) add(c *Router) *router {
	id := e.dir.Add(c.coreConfig())
	for int(id) >= len(e.routers) {
		e.routers = append(e.routers, nil)
	}
	r := &router{id: id, core: e.dir.Router(id)}
	r.configure(c)
	e.routers[id] = r
	e.byName[c.Name] = r
	return r
}

// groupConfigs gives the groups in the core's terms.
func (e *Engine) groupConfigs() []vrrp.GroupConfig {
	out := make([]vrrp.GroupConfig, 0, len(e.groups))
	for _, g := range e.groups {
		c := vrrp.GroupConfig{Name: g.Name, Tracks: g.Tracks}
		for _, m := range g.Members {
			if r := e.byName[m]; r != nil {
				c.Members = append(c.Members, r.id)
			}
		}
		out = append(out, c)
	}
	return out
}

// tracking lists the keys that a router depends on, its groups' included.
func (e *Engine) tracking(r *router) []string {
	if len(e.groupKeys[r.cfg.Name]) == 0 && len(r.cfg.Tracks) == 0 {
		return nil
	}
	keys := slices.Clone(e.groupKeys[r.cfg.Name])
	for _, t := range r.cfg.Tracks {
		keys = append(keys, t.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// setGroups takes over the groups, and what the members track for them.
func (e *Engine) setGroups(groups []Group) {
	e.groups = groups
	e.groupKeys = map[string][]string{}
	for _, g := range groups {
		for _, m := range g.Members {
			for _, t := range g.Tracks {
				e.groupKeys[m] = append(e.groupKeys[m], t.Key)
			}
		}
	}
}

// feed tells a router every result that is known already.
func (e *Engine) feed(now time.Time, r *router) {
	for _, k := range e.tracking(r) {
		res, known := e.results[k]
		if name, ok := strings.CutPrefix(k, ifaceTrack); ok {
			i := e.ifaces[name]
			res, known = result{up: i != nil && i.Up}, true
		}
		if known {
			e.step(now, r, &vrrp.Event{Kind: vrrp.EventTrack, Key: k, Up: res.up, Value: res.value})
		}
	}
}

// addresses is the wanted set; addresses whose interface is missing are left
// out until it appears.
func (e *Engine) addresses(r *router) []link.Address {
	return e.addressesOf(r.cfg.VIPs, e.home(&r.cfg))
}

// addressesOf puts addresses in their places; those that name none go to on,
// which is nil when it is missing.
func (e *Engine) addressesOf(vips []VIP, on *link.Interface) []link.Address {
	out := make([]link.Address, 0, len(vips))
	for i := range vips {
		v := &vips[i]
		if i := e.vipIface(v, on); i != nil {
			out = append(out, link.Address{
				Ifindex: i.Index, Prefix: v.Prefix, Label: v.Label, Scope: v.Scope, Broadcast: v.Broadcast,
				Peer: v.Peer, Flags: v.Flags, DAD: v.DAD, Preferred: v.Preferred, PreferredSet: v.PreferredSet, Drop: v.Drop,
			})
		}
	}
	return out
}
