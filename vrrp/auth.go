package vrrp

import (
	"net/netip"
	"time"
)

// The values of Config.AuthType: the authentication types of RFC 2338 section
// 5.3.6, of which RFC 3768 kept the first only.
const (
	AuthNone uint8 = iota
	AuthPassword
	AuthHeader // HMAC-MD5-96 in an IPsec authentication header, see ah.go
)

// HMACMode says what auth_hmac asks of adverts (keepalived's `mode`), so that
// the directors of a segment can be moved to it one after another: first all
// receive-only, then permissive, then enforce.
type HMACMode uint8

// The modes. An advert with a trailer is verified in each of them.
const (
	// HMACEnforce signs, and drops what is not signed.
	HMACEnforce HMACMode = iota
	// HMACPermissive signs, and accepts what is not signed.
	HMACPermissive
	// HMACReceiveOnly does not sign, and accepts what is not signed.
	HMACReceiveOnly
)

// HMAC is keepalived's auth_hmac, draft-cassen-vrrp-auth-hmac: see hmac.go.
type HMAC struct {
	Keys   []HMACKey // empty: not used
	Active uint8     // ID of the key to sign with
	// Monotonic compares the sequence of a sender with its last one only;
	// otherwise its time must be within Window of ours as well.
	Monotonic bool
	Window    time.Duration // 1..300 s
	Mode      HMACMode
}

// HMACKey is one key of 32 to 64 bytes with its number, 1..255.
type HMACKey struct {
	ID  uint8
	Key []byte
}

// ChecksumChoice is the form in which version 3 is sent. All forms are
// accepted always.
type ChecksumChoice uint8

// The choices.
const (
	ChooseDefault    ChecksumChoice = iota // with the pseudo-header, as keepalived
	ChooseMessage                          // IPv4 without it: RFC 9568, v3_checksum_as_v2
	ChooseOldUnicast                       // unicast as keepalived before 1.3.6: old_unicast_checksum
	ChooseFollow                           // as the advert accepted last was; until then the default
)

// TTLRange bounds the TTL or hop limit of a unicast peer's adverts (min_ttl,
// max_ttl), both included.
type TTLRange struct{ Min, Max uint8 }

// auth is what a router keeps for its authentication; either is nil when
// it is not configured.
type auth struct {
	hmac *signer
	ah   *header
}

// setAuth takes the authentication of a configuration over. What is known of
// the senders stays, so that a reload opens no window for a replay.
func (r *Router) setAuth() {
	c := &r.cfg
	if len(c.HMAC.Keys) == 0 {
		r.auth.hmac = nil
	} else {
		r.auth.hmac = newSigner(&c.HMAC, r.auth.hmac)
	}
	if c.AuthType != AuthHeader {
		r.auth.ah = nil
	} else {
		r.auth.ah = newHeader(c.AuthPass, r.auth.ah)
	}
}

// NeedsWall says that Stamp and Check want the wall clock.
func (r *Router) NeedsWall() bool { return r.auth.hmac != nil || r.auth.ah != nil }

// Stamp gives an advert filled by Advert the number that its authentication
// carries: one for all the copies that go to several places. wall is the wall
// clock in nanoseconds since 1970.
func (r *Router) Stamp(a *Advert, wall int64) {
	switch {
	case r.auth.hmac != nil:
		a.Sequence = r.auth.hmac.next(wall)
	case r.auth.ah != nil:
		a.Sequence = uint64(r.auth.ah.next(wall))
	}
}

// Append appends the wire form of an advert that Advert filled, and Stamp when
// NeedsWall, with the checksum and the authentication that are configured. With
// AuthHeader it is the whole IPv4 datagram, as the digest covers its header;
// otherwise what follows the IP header.
func (r *Router) Append(b []byte, a *Advert, src, dst netip.Addr) []byte {
	if h := r.auth.ah; h != nil {
		start := len(b)
		b = append(b, h.space[:]...)
		b = a.AppendForm(b, src, dst, ChecksumMessage)
		h.sign(b[start:], src, dst, uint32(a.Sequence), r.cfg.ttl())
		return b
	}
	start := len(b)
	b = a.AppendForm(b, src, dst, r.form(dst))
	if h := r.auth.hmac; h != nil && r.cfg.HMAC.Mode != HMACReceiveOnly {
		b = h.sign(b, start, a, src)
		if !src.Is4() {
			sumPayload(b[start:], src, dst)
		}
	}
	return b
}

// ttl is what adverts are sent with.
func (c *Config) ttl() uint8 {
	if c.Unicast && c.UnicastTTL != 0 {
		return c.UnicastTTL
	}
	return 255
}

// form is the form of the checksum to send to dst.
func (r *Router) form(dst netip.Addr) ChecksumForm {
	switch c := r.cfg.Checksum; {
	case c == ChooseFollow && r.count.Received > 0:
		if r.lastForm == ChecksumOldUnicast && dst.IsMulticast() {
			return ChecksumPseudo
		}
		return r.lastForm
	case c == ChooseMessage:
		return ChecksumMessage
	case c == ChooseOldUnicast && !dst.IsMulticast():
		return ChecksumOldUnicast
	}
	return ChecksumPseudo
}

// checkAuth makes the checks of the authentication that is configured. note
// says to remember the sequence of the sender, against a replay.
func (r *Router) checkAuth(a *Advert, m *Meta, note bool) DropReason {
	if h := r.auth.hmac; h != nil {
		if d := h.check(a, m, note); d != DropNone {
			return d
		}
	}
	if a.Version != 2 {
		return DropNone
	}
	if a.AuthType != r.cfg.AuthType {
		return DropAuthType
	}
	switch {
	case r.auth.ah != nil:
		return r.auth.ah.check(a, m, note)
	case a.AuthType == AuthPassword && !equal(a.AuthData[:], r.cfg.AuthPass[:]):
		return DropAuthPass
	}
	return DropNone
}
