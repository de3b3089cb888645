package engine

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
)

// maxPeers bounds how many senders are remembered for a router.
const maxPeers = 8

const (
	// peerLogLimit bounds the log lines about what peers of a router say, in
	// each peerLogTime: sources are easily forged.
	peerLogLimit = 2 * maxPeers
	peerLogTime  = time.Minute
)

// peerLog counts the lines of a router.
type peerLog struct {
	since time.Time // of this count
	lines int
}

// mayLog counts a line about a peer and says whether to write it; last says that
// it is the last one for a while.
func (l *peerLog) mayLog(now time.Time) (may, last bool) {
	if l.since.IsZero() || now.Sub(l.since) >= peerLogTime {
		*l = peerLog{since: now}
	}
	if l.lines >= peerLogLimit {
		return false, false
	}
	l.lines++
	return true, l.lines == peerLogLimit
}

// Peer is one sender of adverts that were accepted, or would have been if the
// router were not in FAULT.
type Peer struct {
	Addr      netip.Addr
	Priority  uint8
	Version   uint8         // of its last advert: a reload may have changed ours since
	AdvertInt time.Duration // that its last advert tells
	Last      time.Time
	Agrees    bool // its last advert lists our addresses
	// Foreign: none of its addresses is ours. It is another virtual router
	// that was given the same VRID.
	Foreign bool

	Path      int // of Router.Paths, from 1; 0: the router's interface
	Checksum  vrrp.ChecksumForm
	Signed    bool // by auth_hmac or an authentication header
	Checksums [vrrp.NumChecksumForms]uint64
}

// hear remembers who was heard, in place of the one heard longest ago when
// there are too many; agrees says that its advert lists our addresses.
func (e *Engine) hear(now time.Time, r *router, src netip.Addr, a *vrrp.Advert, agrees bool) {
	at := &r.heard[0]
	for i := range r.heard {
		p := &r.heard[i]
		if p.Addr == src {
			at = p
			break
		}
		if p.Last.Before(at.Last) {
			at = p
		}
	}
	foreign := !agrees && at.Foreign
	if !agrees && (at.Addr != src || at.Agrees) { // compared once, not for every advert
		foreign = !slices.ContainsFunc(a.Addrs, func(o netip.Addr) bool { return slices.Contains(r.cfg.Addresses, o) })
	}
	was := *at
	if was.Addr != src {
		was = Peer{Addr: src, Agrees: true, AdvertInt: wireInterval(r.cfg.Version, r.core.WireInterval())}
	}
	*at = Peer{
		Addr: src, Priority: a.Priority, Version: a.Version, AdvertInt: wireInterval(a.Version, a.AdvertInt), Last: now, Agrees: agrees, Foreign: foreign,
		Path: e.meta.Path, Checksum: a.Checksum, Signed: a.Signed, Checksums: was.Checksums,
	}
	at.Checksums[a.Checksum]++
	if agrees == was.Agrees && at.AdvertInt == was.AdvertInt {
		return
	}
	may, last := r.peerLog.mayLog(now)
	if !may {
		return
	}
	if agrees != was.Agrees {
		e.disagreed(r, at)
	}
	if at.AdvertInt != was.AdvertInt {
		e.log.Info("a peer advertises in another interval", append(r.attrs(), "source", src,
			"its", at.AdvertInt, "ours", r.cfg.AdvertInt)...)
	}
	if last {
		e.log.Warn("peers change too often: no more is logged about them for now", append(r.attrs(), "for", peerLogTime)...)
	}
}

// disagreed logs that a peer began or ceased to list other addresses.
func (e *Engine) disagreed(r *router, p *Peer) {
	if p.Agrees {
		e.log.Info("a peer lists our addresses again", append(r.attrs(), "source", p.Addr)...)
		return
	}
	e.log.Warn("a peer lists other addresses than ours: its adverts are accepted", append(r.attrs(), "source", p.Addr)...)
}

// wireInterval is the interval that the field of an advert means: seconds in
// version 2, centiseconds in version 3.
func wireInterval(version uint8, n uint16) time.Duration {
	if version == 2 {
		return time.Duration(n) * time.Second
	}
	return time.Duration(n) * 10 * time.Millisecond
}

// wall is the wall clock in nanoseconds.
func (e *Engine) wall() int64 { return e.deps.Wall().UnixNano() }
