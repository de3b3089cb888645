package bfd

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Instance is one session with its place.
type Instance struct {
	Config
	Name     string
	Neighbor netip.Addr
	Source   netip.Addr // invalid: what the kernel chooses
	TTL      uint8      // of packets sent
	MaxHops  int        // routers that a received packet may have passed; below 0 or 255: any number
	Multihop bool       // port 4784 in place of 3784
}

// The ports (RFC 5881 section 4, RFC 5883 section 5).
const (
	PortSingle = 3784
	PortMulti  = 4784
	lowSource  = 49152 // of the source port
)

// port is where the neighbour listens.
func (i *Instance) port() uint16 {
	if i.Multihop {
		return PortMulti
	}
	return PortSingle
}

// near says whether a packet that came with ttl passed few enough routers.
func (i *Instance) near(ttl int) bool {
	return i.MaxHops < 0 || i.MaxHops >= 255 || ttl >= 255-i.MaxHops
}

// retry is between two attempts to open a socket.
const retry = 5 * time.Second

// settling is how long a session of a process that replaces another one may take
// to come up before it counts as down: the neighbour has to find out first that
// there is another process.
const settling = 5 * time.Second

// goodbye is how often a neighbour is told that a session ends on purpose.
const goodbye = 3

// transport sends and receives; behind it are sockets, or a test.
type transport interface {
	// listen makes the sockets of the port and family deliver to Node.receive;
	// more than once does no harm.
	listen(is6 bool, port uint16) error
	// send sends a packet of the session to its neighbour.
	send(i *Instance, b []byte) error
	// forget closes what belongs to one session.
	forget(name string)
	close()
}

// Node runs the sessions of one machine. Methods may be called from any
// goroutine.
type Node struct {
	log     *slog.Logger
	changed func(name string, up bool)

	mu     sync.Mutex
	net    transport
	peers  map[string]*peer
	timer  *time.Timer
	closed bool
	stray  uint64 // packets of no session, or not well formed
}

// peer is one session with what the node knows of it.
type peer struct {
	Instance
	session *Session
	told    bool
	known   bool
	last    time.Time // of the last change
	dropped uint64
	errText string
	openAt  time.Time // to listen again; zero: listening
	waitFor time.Time // nothing but up is told as the first state before
	out     []byte
}

// NewNode makes a node without sessions. changed is told the first state of
// every session and each change, one at a time; it must not call the node.
func NewNode(log *slog.Logger, changed func(name string, up bool)) *Node {
	n := newNode(log, changed)
	n.net = newSockets(n.receive)
	return n
}

func newNode(log *slog.Logger, changed func(name string, up bool)) *Node {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	n := &Node{log: log, changed: changed, peers: map[string]*peer{}}
	n.timer = time.AfterFunc(time.Hour, n.expire)
	n.timer.Stop()
	return n
}

// Set runs the sessions given and no others. One whose neighbour, source and
// port are as before goes on; the neighbours of those that are gone are told.
// With restarted, where this process replaces one that died, a session has 5 s to
// come up before its first state is told as down.
func (n *Node) Set(list []Instance, restarted bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	now := time.Now()
	next := make(map[string]*peer, len(list))
	for _, i := range list {
		if next[i.Name] != nil {
			continue
		}
		old := n.peers[i.Name]
		if old != nil && old.Neighbor == i.Neighbor && old.Source == i.Source && old.Multihop == i.Multihop && old.TTL == i.TTL {
			old.session.Update(i.Config, now)
			old.Instance = i
			next[i.Name] = old
			delete(n.peers, i.Name)
			continue
		}
		next[i.Name] = &peer{Instance: i, openAt: now}
	}
	for _, p := range n.peers {
		n.part(p)
	}
	n.peers = next
	for _, p := range n.sorted() {
		if p.session == nil {
			p.session = NewSession(p.Config, n.discriminator(), now, rand.Float64)
			if restarted {
				p.waitFor = now.Add(settling)
			}
			n.tell(p)
		}
	}
	n.act(now)
}

// discriminator finds one that no session has.
func (n *Node) discriminator() uint32 {
	for {
		d := rand.Uint32()
		if d != 0 && !n.has(d) {
			return d
		}
	}
}

func (n *Node) has(discriminator uint32) bool { return n.byDiscriminator(discriminator) != nil }

func (n *Node) byDiscriminator(d uint32) *peer {
	for _, p := range n.peers {
		if p.session != nil && p.session.local == d {
			return p
		}
	}
	return nil
}

func (n *Node) sorted() []*peer {
	out := make([]*peer, 0, len(n.peers))
	for _, p := range n.peers {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *peer) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// part ends a session on purpose.
func (n *Node) part(p *peer) {
	if p.session == nil {
		return
	}
	bye := p.session.Stop()
	for range goodbye {
		n.send(p, &bye)
	}
	n.net.forget(p.Name)
}

// send sends one packet; errors are told once.
func (n *Node) send(p *peer, out *Packet) {
	p.out = out.Append(p.out[:0])
	text := ""
	if err := n.net.send(&p.Instance, p.out); err != nil {
		if text = err.Error(); text != p.errText {
			n.log.Warn("BFD packets cannot be sent", "bfd", p.Name, "neighbor", p.Neighbor, "err", err)
		}
	}
	p.errText = text
}

// tell tells what clients go by when it changed.
func (n *Node) tell(p *peer) {
	up := p.session.Healthy()
	if p.known && up == p.told || !p.known && !up && time.Now().Before(p.waitFor) {
		return
	}
	if p.known {
		p.last = time.Now()
		st := p.session.Status()
		n.log.Info("BFD session", "bfd", p.Name, "neighbor", p.Neighbor, "up", up, "state", st.State.String(), "reason", st.Diag.String())
	}
	p.known, p.told = true, up
	n.changed(p.Name, up)
}

func (n *Node) expire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.act(time.Now())
	}
}

// act does what is due and sets the timer to what is due next.
func (n *Node) act(now time.Time) {
	var next time.Time
	for _, p := range n.peers {
		if !p.openAt.IsZero() && !p.openAt.After(now) {
			p.openAt = time.Time{}
			if err := n.net.listen(p.Neighbor.Is6(), p.port()); err != nil {
				p.openAt = now.Add(retry)
				n.log.Error("cannot listen for BFD", "bfd", p.Name, "port", p.port(), "err", err)
			}
		}
		if !p.known {
			n.tell(p)
		}
		for range 2 { // a detection time that is over, and a packet
			if d := p.session.Deadline(); d.IsZero() || d.After(now) {
				break
			}
			if out, send := p.session.Expire(now); send {
				n.send(p, &out)
			}
			n.tell(p)
		}
		wait := p.waitFor
		if p.known {
			wait = time.Time{}
		}
		for _, d := range []time.Time{p.session.Deadline(), p.openAt, wait} {
			if !d.IsZero() && (next.IsZero() || d.Before(next)) {
				next = d
			}
		}
	}
	if next.IsZero() {
		n.timer.Stop()
		return
	}
	n.timer.Reset(max(next.Sub(now), 0))
}

// receive takes a packet from a socket. ttl is 0 when it is not known.
func (n *Node) receive(from, to netip.Addr, port uint16, ttl int, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	in, err := Decode(b)
	if err != nil {
		n.stray++
		return
	}
	p := n.find(&in, from, to, port)
	if p == nil {
		n.stray++
		return
	}
	if !p.near(ttl) {
		p.dropped++
		return
	}
	now := time.Now()
	if out, send := p.session.Receive(now, &in); send {
		n.send(p, &out)
	}
	n.tell(p)
	n.act(now)
}

// is says whether the neighbour has an address, which is with its interface where
// it is link-local.
func (p *peer) is(from netip.Addr) bool {
	if p.Neighbor.Zone() == "" {
		from = from.WithZone("")
	}
	return p.Neighbor == from
}

// find finds the session of a packet: by our discriminator or, as long as the
// neighbour does not know it, by addresses. The sender must be the neighbour in
// any case.
func (n *Node) find(in *Packet, from, to netip.Addr, port uint16) *peer {
	fits := func(p *peer) bool {
		return p.is(from) && p.port() == port && (!p.Source.IsValid() || !to.IsValid() || p.Source == to)
	}
	if in.Your != 0 {
		if p := n.byDiscriminator(in.Your); p != nil && fits(p) {
			return p
		}
		return nil
	}
	for _, p := range n.sorted() {
		if fits(p) {
			return p
		}
	}
	return nil
}

// Close ends all sessions on purpose.
func (n *Node) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	n.timer.Stop()
	for _, p := range n.sorted() {
		n.part(p)
	}
	n.mu.Unlock()
	n.net.close() // waits for receivers, which may wait for the lock
}

// PeerStatus is the state of one session.
type PeerStatus struct {
	Name     string
	Neighbor netip.Addr
	Status
	Dropped uint64 // came from too far away
	Last    time.Time
	Err     string // why nothing can be sent
}

// Status returns the state of every session, by name.
func (n *Node) Status() []PeerStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []PeerStatus
	for _, p := range n.sorted() {
		out = append(out, PeerStatus{Name: p.Name, Neighbor: p.Neighbor, Status: p.session.Status(), Dropped: p.dropped, Last: p.last, Err: p.errText})
	}
	return out
}
