package vrrp

import (
	"encoding/json"
	"net/netip"
	"os"
	"testing"
	"time"
)

const second = int64(time.Second)

// hmacVectors is testdata/auth-hmac.json: the images of the Internet-Draft.
type hmacVectors struct {
	Key     string `json:"key_hex"`
	Vectors []struct {
		Name, Src, Dst, VIP, Image string
	}
}

// draftTime is the moment at which the draft's images were made.
var draftTime = int64(0x68000000)*second + second/2

// draft gives a router with the draft's key and the image of its name.
func draft(t *testing.T, name string) (*Router, Meta, []byte) {
	t.Helper()
	raw, err := os.ReadFile("testdata/auth-hmac.json")
	if err != nil {
		t.Fatal(err)
	}
	var v hmacVectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for _, x := range v.Vectors {
		if x.Name != name {
			continue
		}
		m := Meta{Src: ip(x.Src), Dst: groupOf(ip(x.Src)), TTL: 255, Wall: draftTime}
		if x.Dst != "" {
			m.Dst = ip(x.Dst)
		}
		c := Config{
			Name: "r", VRID: 51, Version: 3, Priority: 200, AdvertInt: time.Second, Addresses: []netip.Addr{ip(x.VIP)},
			HMAC: HMAC{Keys: []HMACKey{{1, unhex(t, v.Key)}}, Active: 1, Window: 5 * time.Second},
		}
		c.Unicast = !m.Dst.IsMulticast()
		r := NewRouter(c)
		r.Step(time.Unix(0, draftTime), &Event{Kind: EventStart}, nil)
		return r, m, unhex(t, x.Image)
	}
	t.Fatalf("no vector %s", name)
	return nil, Meta{}, nil
}

func receive(r *Router, m Meta, body []byte) DropReason {
	var a Advert
	m.TotalLen = len(body)
	if d := Decode(&a, &m, body); d != DropNone {
		return d
	}
	return r.Check(&a, &m)
}

// TestHMACDraft: the draft's images are accepted once, and written again.
func TestHMACDraft(t *testing.T) {
	for _, name := range []string{"IPv4", "IPv6"} {
		r, m, image := draft(t, name)
		var a Advert
		r.Advert(200, &a)
		r.Stamp(&a, draftTime)
		if a.Sequence != 0x6800000080000000 {
			t.Errorf("%s: sequence %x", name, a.Sequence)
		}
		if name == "IPv4" {
			r.cfg.Checksum = ChooseMessage
		}
		if got := r.Append(nil, &a, m.Src, m.Dst); string(got) != string(image) {
			t.Errorf("%s: wrote\n%x, want\n%x", name, got, image)
		}
		if d := receive(r, m, image); d != DropNone {
			t.Errorf("%s: %v", name, d)
		}
		if d := receive(r, m, image); d != DropReplay {
			t.Errorf("%s again: %v", name, d)
		}
	}
}

// TestOverheardNotesNothing: in FAULT an authentic advert is known as such, as
// often as it comes, and can still be accepted once afterwards.
func TestOverheardNotesNothing(t *testing.T) {
	wall := draftTime
	for name, cfg := range map[string]Config{
		"auth_hmac": hmacConfig(keyOne, nil),
		"AH":        ahConfig("secret"),
	} {
		a, b := newSpeaker(cfg, "192.0.2.1"), newSpeaker(cfg, "192.0.2.2")
		body := a.say(wall)
		b.r.Step(time.Unix(1, 0), &Event{Kind: EventLink}, nil)
		if b.r.State() != Fault {
			t.Fatalf("%s: %v", name, b.r.State())
		}
		for range 2 {
			if ok, agrees := b.overhear(wall, a, body); !ok || !agrees {
				t.Errorf("%s: %t, %t", name, ok, agrees)
			}
		}
		body[len(body)-1] ^= 1
		if ok, _ := b.overhear(wall, a, body); ok {
			t.Errorf("%s: a forged one is taken for authentic", name)
		}
		body[len(body)-1] ^= 1
		b.r.Step(time.Unix(2, 0), &Event{Kind: EventLink, Up: true}, nil)
		for _, want := range []DropReason{DropNone, DropReplay} {
			if d := b.hear(wall, a, body); d != want {
				t.Errorf("%s: %v, want %v", name, d, want)
			}
		}
	}
}

// TestHMACMutations changes every bit that matters of the IPv6 image.
func TestHMACMutations(t *testing.T) {
	for _, c := range []struct {
		name string
		at   int
		bit  byte
		want DropReason
	}{
		{"priority", 2, 1, DropDigest},
		{"interval", 5, 1, DropDigest},
		{"address", 23, 1, DropDigest},
		{"type", 24, 1, DropTrailer},
		{"key", 25, 1, DropKey},
		{"reserved", 27, 1, DropTrailer},
		{"seconds", 31, 1, DropDigest},
		{"seconds, far away", 28, 1, DropClock},
		{"counter", 35, 1, DropDigest},
		{"digest", 51, 1, DropDigest},
	} {
		r, m, image := draft(t, "IPv6")
		image[c.at] ^= c.bit
		sumPayload(image, m.Src, m.Dst) // that the digest finds it and not the checksum
		if d := receive(r, m, image); d != c.want {
			t.Errorf("%s: %v, want %v", c.name, d, c.want)
		}
	}
	r, m, image := draft(t, "IPv6")
	m.Src = ip("fe80::11")
	sumPayload(image, m.Src, m.Dst)
	if d := receive(r, m, image); d != DropDigest {
		t.Errorf("another source: %v", d)
	}
	r, m, image = draft(t, "IPv6")
	image[1]++
	r.cfg.VRID++
	sumPayload(image, m.Src, m.Dst)
	if d := receive(r, m, image); d != DropDigest {
		t.Errorf("another VRID: %v", d)
	}
}

// speaker is a router that sends by a clock of its own.
type speaker struct {
	r   *Router
	src netip.Addr
}

func newSpeaker(cfg Config, src string) *speaker {
	s := &speaker{NewRouter(cfg), ip(src)}
	s.r.Step(time.Unix(0, 0), &Event{Kind: EventStart}, nil)
	return s
}

func (s *speaker) say(wall int64) []byte {
	var a Advert
	s.r.Advert(100, &a)
	s.r.Stamp(&a, wall)
	return s.r.Append(nil, &a, s.src, group4)
}

// arrive is how what the speaker says comes in.
func (s *speaker) arrive(wall int64, body []byte) (Meta, []byte) {
	m := Meta{Src: s.src, Dst: group4, TTL: 255, Wall: wall}
	if s.r.auth.ah != nil {
		m.AH, m.ID, body = true, uint16(body[4])<<8|uint16(body[5]), body[20:]
	}
	m.TotalLen = len(body)
	return m, body
}

func (s *speaker) hear(wall int64, from *speaker, body []byte) DropReason {
	m, body := from.arrive(wall, body)
	return receive(s.r, m, body)
}

func (s *speaker) overhear(wall int64, from *speaker, body []byte) (ok, agrees bool) {
	var a Advert
	m, body := from.arrive(wall, body)
	if Decode(&a, &m, body) != DropNone {
		return false, false
	}
	return s.r.Overheard(&a, &m)
}

func hmacConfig(key string, change func(*HMAC)) Config {
	c := Config{
		Name: "r", VRID: 51, Version: 2, Priority: 100, AdvertInt: time.Second, Addresses: []netip.Addr{ip("192.0.2.100")},
		HMAC: HMAC{Keys: []HMACKey{{1, []byte(key)}}, Active: 1, Window: 5 * time.Second},
	}
	if change != nil {
		change(&c.HMAC)
	}
	return c
}

const (
	keyOne = "0123456789abcdef0123456789abcdef"
	keyTwo = "fedcba9876543210fedcba9876543210"
)

// TestHMACModes: who sends signed adverts and who takes unsigned ones.
func TestHMACModes(t *testing.T) {
	for _, c := range []struct {
		from, to HMACMode
		want     DropReason
	}{
		{HMACEnforce, HMACEnforce, DropNone},
		{HMACPermissive, HMACEnforce, DropNone},
		{HMACReceiveOnly, HMACEnforce, DropUnsigned},
		{HMACReceiveOnly, HMACPermissive, DropNone},
		{HMACReceiveOnly, HMACReceiveOnly, DropNone},
		{HMACEnforce, HMACReceiveOnly, DropNone},
	} {
		from := newSpeaker(hmacConfig(keyOne, func(h *HMAC) { h.Mode = c.from }), "192.0.2.1")
		to := newSpeaker(hmacConfig(keyOne, func(h *HMAC) { h.Mode = c.to }), "192.0.2.2")
		if d := to.hear(draftTime, from, from.say(draftTime)); d != c.want {
			t.Errorf("from mode %d to mode %d: %v, want %v", c.from, c.to, d, c.want)
		}
	}
	// A wrong signature is never better than none.
	from := newSpeaker(hmacConfig(keyTwo, nil), "192.0.2.1")
	to := newSpeaker(hmacConfig(keyOne, func(h *HMAC) { h.Mode = HMACPermissive }), "192.0.2.2")
	if d := to.hear(draftTime, from, from.say(draftTime)); d != DropDigest {
		t.Errorf("another key, permissive: %v", d)
	}
	// Without auth_hmac a trailer is tolerated.
	to = newSpeaker(hmacConfig(keyOne, func(h *HMAC) { h.Keys = nil }), "192.0.2.2")
	if d := to.hear(draftTime, from, from.say(draftTime)); d != DropNone {
		t.Errorf("no auth_hmac: %v", d)
	}
}

// TestHMACRotation: a key is added everywhere, then used, then the old one is
// removed, and no advert is lost. A reload keeps what is known of senders.
func TestHMACRotation(t *testing.T) {
	both := func(active uint8) Config {
		return hmacConfig("", func(h *HMAC) {
			h.Keys = []HMACKey{{1, []byte(keyOne)}, {2, []byte(keyTwo)}}
			h.Active = active
		})
	}
	second2 := hmacConfig(keyTwo, func(h *HMAC) { h.Keys[0].ID, h.Active = 2, 2 })
	a, b := newSpeaker(hmacConfig(keyOne, nil), "192.0.2.1"), newSpeaker(hmacConfig(keyOne, nil), "192.0.2.2")
	wall := draftTime
	var old []byte
	step := func(what string) {
		t.Helper()
		wall += second
		old = a.say(wall)
		if d := b.hear(wall, a, old); d != DropNone {
			t.Errorf("%s: a to b: %v", what, d)
		}
		if d := a.hear(wall, b, b.say(wall)); d != DropNone {
			t.Errorf("%s: b to a: %v", what, d)
		}
	}
	step("one key")
	for _, s := range []struct {
		what string
		who  *speaker
		cfg  Config
	}{
		{"a knows both", a, both(1)},
		{"b knows both", b, both(1)},
		{"a uses the second", a, both(2)},
		{"b uses the second", b, both(2)},
		{"a forgets the first", a, second2},
		{"b forgets the first", b, second2},
	} {
		s.who.r.update(time.Unix(0, wall), s.cfg, nil)
		if s.who == b {
			if d := b.hear(wall, a, old); d != DropReplay && d != DropKey {
				t.Errorf("%s: replay after the reload: %v", s.what, d)
			}
		}
		step(s.what)
	}
}

// TestHMACClock: what clocks that are wrong or set do.
func TestHMACClock(t *testing.T) {
	pair := func(change func(*HMAC)) (a, b *speaker) {
		return newSpeaker(hmacConfig(keyOne, change), "192.0.2.1"), newSpeaker(hmacConfig(keyOne, change), "192.0.2.2")
	}
	monotonic := func(h *HMAC) { h.Monotonic = true }
	expect := func(what string, got, want DropReason) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	now := draftTime

	a, b := pair(nil)
	expect("4 s behind", b.hear(now, a, a.say(now-4*second)), DropNone)
	expect("the next fraction of a second", b.hear(now, a, a.say(now-4*second+1)), DropNone)
	a, b = pair(nil)
	expect("6 s behind", b.hear(now, a, a.say(now-6*second)), DropClock)
	expect("6 s ahead", b.hear(now, a, a.say(now+6*second)), DropClock)
	a, b = pair(monotonic)
	expect("monotonic, a day ahead", b.hear(now, a, a.say(now+86400*second)), DropNone)

	// The sender's clock goes back by less than the window, and catches up.
	a, b = pair(nil)
	expect("before", b.hear(now, a, a.say(now)), DropNone)
	for i := int64(1); i < 10; i++ {
		expect("set back by 3 s", b.hear(now+i*second, a, a.say(now+(i-3)*second)), DropNone)
	}
	// All clocks go back by an hour: no advert is lost.
	a, b = pair(nil)
	expect("before", b.hear(now, a, a.say(now)), DropNone)
	hour := 3600 * second
	expect("all set back", b.hear(now+second-hour, a, a.say(now+second-hour)), DropNone)
	expect("all set back, next", b.hear(now+2*second-hour, a, a.say(now+2*second-hour)), DropNone)
	// Several in the same moment.
	for i := range 100 {
		if d := b.hear(now-hour+10*second, a, a.say(now-hour+10*second)); d != DropNone {
			t.Fatalf("same moment, %d: %v", i, d)
		}
	}
	// A sender that was away does not shut out others, nor others it: 20 of
	// them, more than are remembered.
	b = newSpeaker(hmacConfig(keyOne, nil), "192.0.2.2")
	for i := range 20 {
		s := newSpeaker(hmacConfig(keyOne, nil), netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}).String())
		expect("many senders", b.hear(now, s, s.say(now)), DropNone)
	}
}

func ahConfig(pass string) Config {
	c := Config{
		Name: "r", VRID: 51, Version: 2, Priority: 100, AdvertInt: time.Second, Addresses: []netip.Addr{ip("192.0.2.100")},
		AuthType: AuthHeader,
	}
	copy(c.AuthPass[:], pass)
	return c
}

// TestAHCount: one count for the whole virtual router, on which whoever becomes
// master goes on; replays and forgeries do not move it.
func TestAHCount(t *testing.T) {
	a, b := newSpeaker(ahConfig("secret"), "192.0.2.1"), newSpeaker(ahConfig("secret"), "192.0.2.2")
	now := draftTime
	expect := func(what string, got, want DropReason) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	first := a.say(now)
	expect("first", b.hear(now, a, first), DropNone)
	expect("again", b.hear(now, a, first), DropReplay)
	answer := b.say(now)
	expect("b goes on", a.hear(now, b, answer), DropNone)
	if b.r.auth.ah.last != a.r.auth.ah.last {
		t.Errorf("counts %d and %d", a.r.auth.ah.last, b.r.auth.ah.last)
	}
	expect("our own is no news", b.hear(now, a, first), DropReplay)

	forged := a.say(now)
	forged[32] = 0x7f // the upper byte of the count
	expect("forged count", b.hear(now, a, forged), DropDigest)
	expect("next", b.hear(now, a, a.say(now)), DropNone)

	// Another process begins beyond what its predecessor counted in a day.
	for range 86400 {
		a.r.auth.ah.next(now)
	}
	later := newSpeaker(ahConfig("secret"), "192.0.2.1")
	expect("long since", b.hear(now+86400*second, a, a.say(now)), DropNone)
	expect("successor", b.hear(now+86400*second, later, later.say(now+86400*second)), DropNone)

	// Both masters after a partition: whoever counts further is heard first.
	for range 10 {
		a.say(now)
	}
	expect("a counted further", b.hear(now, later, later.say(now)), DropNone)

	other := newSpeaker(ahConfig("other"), "192.0.2.3")
	other.r.auth.ah.last, other.r.auth.ah.begun = 1<<31, true
	expect("other key", b.hear(now, other, other.say(now)), DropDigest)
	plain := newSpeaker(hmacConfig(keyOne, func(h *HMAC) { h.Keys = nil }), "192.0.2.4")
	expect("no header", b.hear(now, plain, plain.say(now)), DropAH)
	expect("header unasked", plain.hear(now, a, a.say(now)), DropAH)
}

// TestAHMutations changes every byte of a datagram but those that are not
// covered.
func TestAHMutations(t *testing.T) {
	a := newSpeaker(ahConfig("secret"), "192.0.2.1")
	image := a.say(draftTime)
	for i := 20; i < len(image); i++ {
		b := newSpeaker(ahConfig("secret"), "192.0.2.2")
		forged := append([]byte(nil), image...)
		forged[i] ^= 1
		if d := b.hear(draftTime, a, forged); d == DropNone && i != 22 && i != 23 {
			t.Errorf("byte %d changed: accepted", i)
		}
	}
}

// TestAuthAllocatesNothing: signing and verifying.
func TestAuthAllocatesNothing(t *testing.T) {
	for name, cfg := range map[string]Config{"auth_hmac": hmacConfig(keyOne, nil), "AH": ahConfig("secret")} {
		a, b := newSpeaker(cfg, "192.0.2.1"), newSpeaker(cfg, "192.0.2.2")
		var out, in Advert
		var buf []byte
		wall, n := draftTime, 0
		step := func() {
			wall += second / 100
			a.r.Advert(100, &out)
			a.r.Stamp(&out, wall)
			buf = a.r.Append(buf[:0], &out, a.src, group4)
			m := Meta{Src: a.src, Dst: group4, TTL: 255, Wall: wall}
			body := buf
			if name == "AH" {
				m.AH, m.ID, body = true, uint16(buf[4])<<8|uint16(buf[5]), buf[20:]
			}
			if Decode(&in, &m, body) == DropNone && b.r.Check(&in, &m) == DropNone {
				n++
			}
		}
		step()
		if avg := testing.AllocsPerRun(100, step); avg > 0 {
			t.Errorf("%s: %v allocations", name, avg)
		}
		if n != 102 {
			t.Errorf("%s: %d accepted", name, n)
		}
	}
}

// TestChecksumChoice: the form that is sent.
func TestChecksumChoice(t *testing.T) {
	peer := ip("192.0.2.2")
	for _, c := range []struct {
		choice  ChecksumChoice
		heard   ChecksumForm // of one advert before; 255: none
		unicast bool
		want    ChecksumForm
	}{
		{ChooseDefault, ChecksumMessage, false, ChecksumPseudo},
		{ChooseMessage, ChecksumPseudo, false, ChecksumMessage},
		{ChooseFollow, 255, false, ChecksumPseudo},
		{ChooseFollow, ChecksumMessage, false, ChecksumMessage},
		{ChooseFollow, ChecksumPseudo, true, ChecksumPseudo},
		{ChooseFollow, ChecksumOldUnicast, true, ChecksumOldUnicast},
		{ChooseOldUnicast, 255, true, ChecksumOldUnicast},
		{ChooseOldUnicast, 255, false, ChecksumPseudo},
	} {
		cfg := Config{
			Name: "r", VRID: 51, Version: 3, Priority: 100, AdvertInt: time.Second,
			Addresses: []netip.Addr{ip("192.0.2.100")}, Checksum: c.choice, Unicast: c.unicast,
		}
		dst := group4
		if c.unicast {
			dst = self
		}
		s := newSpeaker(cfg, self.String())
		m := Meta{Src: peer, Dst: dst, TTL: 255}
		var a Advert
		if c.heard != 255 {
			s.r.Advert(200, &a)
			body := a.AppendForm(nil, peer, dst, c.heard)
			if d := Decode(&a, &m, body); d != DropNone || a.Checksum != c.heard || s.r.Check(&a, &m) != DropNone {
				t.Fatalf("%+v: %v", c, d)
			}
			s.r.Step(time.Unix(1, 0), &Event{Kind: EventAdvert, Advert: &a, Src: peer, Local: self}, nil)
		}
		s.r.Advert(100, &a)
		if c.unicast {
			dst = peer
		}
		back := Meta{Src: self, Dst: dst, TTL: 255}
		if d := Decode(&a, &back, s.r.Append(nil, &a, self, dst)); d != DropNone || a.Checksum != c.want {
			t.Errorf("%+v: sent %v (%v)", c, a.Checksum, d)
		}
	}
}

// TestPeerTTL: min_ttl and max_ttl.
func TestPeerTTL(t *testing.T) {
	cfg := Config{
		Name: "r", VRID: 51, Version: 3, Priority: 100, AdvertInt: time.Second, Addresses: []netip.Addr{ip("192.0.2.100")},
		Unicast: true, CheckPeers: true, Peers: []netip.Addr{ip("192.0.2.2"), ip("192.0.2.3")}, PeerTTLs: []TTLRange{{0, 255}, {254, 254}},
	}
	for _, c := range []struct {
		src  string
		ttl  uint8
		want DropReason
	}{
		{"192.0.2.2", 1, DropNone}, {"192.0.2.3", 254, DropNone}, {"192.0.2.3", 255, DropPeerTTL}, {"192.0.2.3", 253, DropPeerTTL}, {"192.0.2.4", 254, DropPeer},
	} {
		s := newSpeaker(cfg, self.String())
		m := Meta{Src: ip(c.src), Dst: self, TTL: c.ttl}
		var a Advert
		s.r.Advert(200, &a)
		body := a.AppendForm(nil, m.Src, self, ChecksumPseudo)
		if d := receive(s.r, m, body); d != c.want {
			t.Errorf("%s with TTL %d: %v, want %v", c.src, c.ttl, d, c.want)
		}
	}
}

func FuzzAuth(f *testing.F) {
	a := newSpeaker(ahConfig("secret"), "192.0.2.1")
	f.Add(true, a.say(draftTime)[20:])
	h := newSpeaker(hmacConfig(keyOne, nil), "192.0.2.1")
	f.Add(false, h.say(draftTime))
	f.Fuzz(func(t *testing.T, ah bool, body []byte) {
		cfg := hmacConfig(keyTwo, nil)
		if ah {
			cfg = ahConfig("another")
		}
		s := newSpeaker(cfg, "192.0.2.2")
		m := Meta{Src: ip("192.0.2.1"), Dst: group4, TTL: 255, Wall: draftTime, AH: ah, ID: 1}
		if d := receive(s.r, m, body); d == DropNone {
			t.Errorf("accepted without the key: %x", body)
		}
	})
}
