package vrrp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// golden is one message with everything in it. All were confirmed by tcpdump
// or recorded from keepalived.
var golden = []struct {
	name     string
	src, dst string
	wire     string
	pseudo   bool // on encoding
	advert   Advert
}{
	{
		"v2", "192.0.2.1", "224.0.0.18", "213364010001b865c00002640000000000000000", false,
		Advert{Version: 2, VRID: 51, Priority: 100, AdvertInt: 1, Addrs: []netip.Addr{ip("192.0.2.100")}},
	},
	{
		"v2 password", "192.0.2.1", "224.0.0.18", "2133640101015503c00002643131313100000000", true,
		Advert{Version: 2, VRID: 51, Priority: 100, AuthType: 1, AuthData: [8]byte{'1', '1', '1', '1'}, AdvertInt: 1, Addrs: []netip.Addr{ip("192.0.2.100")}},
	},
	{
		"v2 priority 0", "192.0.2.1", "224.0.0.18", "2133000100011c66c00002640000000000000000", false,
		Advert{Version: 2, VRID: 51, Priority: 0, AdvertInt: 1, Addrs: []netip.Addr{ip("192.0.2.100")}},
	},
	{
		"v3 message only", "192.0.2.1", "224.0.0.18", "313364010064a802c0000264", false,
		Advert{Version: 3, VRID: 51, Priority: 100, AdvertInt: 100, Addrs: []netip.Addr{ip("192.0.2.100")}, Checksum: ChecksumMessage},
	},
	{
		"v3 pseudo-header", "192.0.2.1", "224.0.0.18", "3133640100640572c0000264", true,
		Advert{Version: 3, VRID: 51, Priority: 100, AdvertInt: 100, Addrs: []netip.Addr{ip("192.0.2.100")}, Checksum: ChecksumPseudo},
	},
	{
		"v3 longest interval", "192.0.2.1", "224.0.0.18", "313364010fff9867c0000264", false,
		Advert{Version: 3, VRID: 51, Priority: 100, AdvertInt: 4095, Addrs: []netip.Addr{ip("192.0.2.100")}, Checksum: ChecksumMessage},
	},
	{
		"v3 IPv6", "fe80::1", "ff02::12", "3134c8020064db33fe80000000000000000000000000006420010db8000000000000000000000064", false,
		Advert{Version: 3, VRID: 52, Priority: 200, AdvertInt: 100, Addrs: []netip.Addr{ip("fe80::64"), ip("2001:db8::64")}, Checksum: ChecksumPseudo},
	},
}

func sameAdvert(a, b Advert) bool {
	return a.Version == b.Version && a.VRID == b.VRID && a.Priority == b.Priority && a.AuthType == b.AuthType &&
		a.AuthData == b.AuthData && a.AdvertInt == b.AdvertInt && slices.Equal(a.Addrs, b.Addrs)
}

func TestGoldenMessages(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			wire := unhex(t, g.wire)
			m := Meta{Src: ip(g.src), Dst: ip(g.dst), TTL: 255, TotalLen: len(wire)}
			if got := g.advert.AppendTo(nil, m.Src, m.Dst, g.pseudo); !bytes.Equal(got, wire) {
				t.Errorf("encoded %x, want %x", got, wire)
			}
			var a Advert
			if d := Decode(&a, &m, wire); d != DropNone {
				t.Fatalf("dropped: %v", d)
			}
			if !sameAdvert(a, g.advert) || a.Checksum != g.advert.Checksum || a.Trailer {
				t.Errorf("decoded %+v, want %+v", a, g.advert)
			}
		})
	}
}

func TestDecodeDrops(t *testing.T) {
	const good = "213364010001b865c00002640000000000000000"
	meta := func(n int) Meta {
		return Meta{Src: self, Dst: group4, TTL: 255, TotalLen: n}
	}
	edit := func(at int, v byte) []byte {
		b := unhex(t, good)
		b[at] = v
		return b
	}
	wire := unhex(t, good)
	for _, c := range []struct {
		name string
		meta Meta
		body []byte
		want DropReason
	}{
		{"good", meta(20), wire, DropNone},
		{"length not known", meta(0), wire, DropNone},
		{"padding of a 46-byte frame", meta(20), append(slices.Clone(wire), 1, 2, 3, 4, 5, 6), DropNone},
		{"trailing bytes that IP announces", meta(26), append(slices.Clone(wire), 1, 2, 3, 4, 5, 6), DropLength},
		{"trailer of 28 bytes", meta(48), append(slices.Clone(wire), make([]byte, 28)...), DropNone},
		{"empty", meta(0), nil, DropLength},
		{"seven bytes", meta(7), wire[:7], DropLength},
		{"cut short", meta(20), wire[:19], DropLength},
		{"list cut short", meta(16), wire[:16], DropLength},
		{"count too high", meta(20), edit(3, 200), DropLength},
		{"count too low", meta(20), edit(3, 0), DropLength},
		{"version 1", meta(20), edit(0, 0x11), DropVersion},
		{"version 4", meta(20), edit(0, 0x41), DropVersion},
		{"type 2", meta(20), edit(0, 0x22), DropType},
		{"checksum", meta(20), edit(6, 0), DropChecksum},
		{"authentication data is summed", meta(20), edit(19, 1), DropChecksum},
		{"version 2 over IPv6", Meta{Src: ip("fe80::1"), Dst: group6, TTL: 255, TotalLen: 20}, wire, DropVersion},
		{"authentication header cut short", Meta{Src: self, Dst: group4, AH: true}, wire, DropLength},
		{"authentication header without VRRP", Meta{Src: self, Dst: group4, AH: true}, make([]byte, 44), DropAHHeader},
	} {
		var a Advert
		if d := Decode(&a, &c.meta, c.body); d != c.want {
			t.Errorf("%s: %v, want %v", c.name, d, c.want)
		}
	}
}

// TestOldUnicastChecksum: keepalived before 1.3.6 put the multicast group
// into the pseudo-header of unicast v3 adverts.
func TestOldUnicastChecksum(t *testing.T) {
	for _, c := range []struct{ src, dst, group, vip netip.Addr }{
		{self, ip("192.0.2.2"), group4, ip("192.0.2.100")},
		{ip("2001:db8::1"), ip("2001:db8::2"), group6, ip("fe80::64")},
	} {
		a := Advert{Version: 3, VRID: 51, Priority: 100, AdvertInt: 100, Addrs: []netip.Addr{c.vip}}
		wire := a.AppendTo(nil, c.src, c.group, true)
		m := Meta{Src: c.src, Dst: c.dst, TTL: 255, TotalLen: len(wire)}
		if d := Decode(&a, &m, wire); d != DropNone || a.Checksum != ChecksumOldUnicast {
			t.Errorf("%v: %v, form %v", c.src, d, a.Checksum)
		}
		m.Dst = ip("224.0.0.99")
		if !c.src.Is4() {
			m.Dst = ip("ff02::99")
		}
		if d := Decode(&a, &m, wire); d != DropChecksum {
			t.Errorf("%v: with another group: %v", c.src, d)
		}
	}
}

func TestPeekVRID(t *testing.T) {
	if v, id, ok := PeekVRID([]byte{0x21, 51}); v != 2 || id != 51 || !ok {
		t.Errorf("got %d %d %v", v, id, ok)
	}
	if _, _, ok := PeekVRID([]byte{0x21}); ok {
		t.Error("one byte is enough?")
	}
}

// frame is one record of testdata/keepalived-frames.json: what keepalived
// 2.2.7 and 2.4.3 sent on a bridge between namespaces.
type frame struct {
	File     string       `json:"file"`
	Packet   int          `json:"packet"`
	Src      netip.Addr   `json:"src"`
	Dst      netip.Addr   `json:"dst"`
	TTL      uint8        `json:"ttl"`
	Payload  string       `json:"payload"`
	Version  uint8        `json:"version"`
	VRID     uint8        `json:"vrid"`
	Priority uint8        `json:"priority"`
	Addrs    []netip.Addr `json:"addrs"`
	Rules    []string     `json:"checksum_rules"`
	AuthType uint8        `json:"auth_type"`
	AuthData string       `json:"auth_data"`
	Seconds  uint16       `json:"adver_int_s"`
	Centi    uint16       `json:"max_adver_int_cs"`
	HMAC     any          `json:"auth_hmac"`
}

// TestKeepalivedFrames decodes every recorded frame to its fields and encodes
// it back byte for byte; of frames with the auth_hmac trailer, which we do
// not write, the message in front of it.
func TestKeepalivedFrames(t *testing.T) {
	raw, err := os.ReadFile("testdata/keepalived-frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var frames []frame
	if err := json.Unmarshal(raw, &frames); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, f := range frames {
		wire := unhex(t, f.Payload)
		m := Meta{Src: f.Src, Dst: f.Dst, TTL: f.TTL, TotalLen: len(wire)}
		var a Advert
		if d := Decode(&a, &m, wire); d != DropNone {
			t.Errorf("%s packet %d: dropped: %v", f.File, f.Packet, d)
			continue
		}
		want := Advert{
			Version: f.Version, VRID: f.VRID, Priority: f.Priority, AuthType: f.AuthType,
			AdvertInt: f.Seconds + f.Centi, Addrs: f.Addrs,
		}
		copy(want.AuthData[:], unhex(t, f.AuthData))
		if !sameAdvert(a, want) || a.Trailer != (f.HMAC != nil) {
			t.Errorf("%s packet %d: decoded %+v, want %+v", f.File, f.Packet, a, want)
		}
		pseudo := f.Rules[0] != "message, no pseudo-header"
		if (a.Checksum == ChecksumPseudo) != pseudo {
			t.Errorf("%s packet %d: checksum form %v, recorded %v", f.File, f.Packet, a.Checksum, f.Rules)
		}
		back := a.AppendTo(nil, f.Src, f.Dst, pseudo)
		if f.Rules[0] == "whole_payload, with pseudo-header" {
			back[6], back[7] = wire[6], wire[7] // the kernel summed the trailer too
		}
		if !bytes.Equal(back, wire[:len(back)]) || len(back) != len(wire) && !a.Trailer {
			t.Errorf("%s packet %d: encoded %x, recorded %x", f.File, f.Packet, back, wire)
		}
		seen[f.Rules[0]]++
	}
	if len(frames) < 100 || len(seen) != 3 {
		t.Errorf("only %d frames, kinds %v", len(frames), seen)
	}
}

// hot is everything that happens to a received advert and to a sent one.
func hot(t testing.TB, state State) func() {
	cfg := v3(100, 100*time.Millisecond)
	cfg.Addresses = nil
	for i := range 20 {
		cfg.Addresses = append(cfg.Addresses, netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}))
	}
	d := NewDirector()
	id := d.Add(cfg)
	now := epoch
	out := d.Step(now, id, &Event{Kind: EventStart}, make([]Action, 0, 16))
	prio := uint8(200)
	if state == Master {
		now = d.Deadline()
		out = d.Expire(now, out[:0])
		out = d.Step(now, id, &Event{Kind: EventApplied, Gen: 1, Up: true}, out[:0])
		prio = 50
	}
	r := d.Router(id)
	peer := from(cfg, prio)
	slices.Reverse(peer.Addrs) // the slow way of comparing
	wire := peer.AppendTo(nil, other, group4, true)
	m := Meta{Src: other, Dst: group4, TTL: 255, TotalLen: len(wire)}
	in, send := Advert{Addrs: make([]netip.Addr, 0, 255)}, Advert{Addrs: make([]netip.Addr, 0, 255)}
	buf := make([]byte, 0, 2048)
	ev := Event{Kind: EventAdvert, Advert: &in, Src: other, Local: self}
	return func() {
		now = now.Add(10 * time.Millisecond)
		if d := Decode(&in, &m, wire); d != DropNone {
			t.Fatal(d)
		}
		if d := r.Check(&in, &m); d != DropNone {
			t.Fatal(d)
		}
		out = d.Step(now, id, &ev, out[:0])
		if !d.Deadline().After(now) {
			out = d.Expire(now, out)
		}
		r.Advert(100, &send)
		buf = send.AppendTo(buf[:0], self, group4, true)
		if r.State() != state {
			t.Fatal(r.State())
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	for _, s := range []State{Backup, Master} {
		if n := testing.AllocsPerRun(1000, hot(t, s)); n != 0 {
			t.Errorf("%v: %v allocations a packet", s, n)
		}
	}
}

func BenchmarkHotPath(b *testing.B) {
	for _, s := range []State{Backup, Master} {
		b.Run(s.String(), func(b *testing.B) {
			f := hot(b, s)
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add(unhex(f, g.wire), g.src, g.dst, 0)
		f.Add(append(unhex(f, g.wire), make([]byte, 28)...), g.src, g.dst, 0)
	}
	f.Add([]byte{}, "192.0.2.1", "192.0.2.2", 20)
	f.Fuzz(func(t *testing.T, body []byte, src, dst string, total int) {
		s, err1 := netip.ParseAddr(src)
		d, err2 := netip.ParseAddr(dst)
		if err1 != nil || err2 != nil || s.Is4() != d.Is4() || s.Is4In6() || d.Is4In6() || total < 0 {
			t.Skip()
		}
		m := Meta{Src: s, Dst: d, TTL: 255, TotalLen: total}
		var a Advert
		if Decode(&a, &m, body) != DropNone {
			return
		}
		// What was accepted is written back as it was, the reserved bits and
		// a checksum of 0 written as ffff aside.
		if total > 0 {
			body = body[:total]
		}
		pseudoDst := d
		if a.Checksum == ChecksumOldUnicast {
			pseudoDst = group4
			if !s.Is4() {
				pseudoDst = group6
			}
		}
		back := a.AppendTo(nil, s, pseudoDst, a.Checksum != ChecksumMessage)
		body = body[:len(back)]
		for i := range back {
			if i == 6 || i == 7 || i == 4 && a.Version == 3 {
				continue
			}
			if back[i] != body[i] {
				t.Fatalf("byte %d of %x, was %x", i, back, body)
			}
		}
		r := NewRouter(Config{VRID: a.VRID, Version: a.Version, Priority: 100, AdvertInt: time.Second, Addresses: a.Addrs})
		r.Step(epoch, &Event{Kind: EventStart}, nil)
		if r.Check(&a, &m) == DropNone {
			r.Step(epoch, &Event{Kind: EventAdvert, Advert: &a, Src: s, Local: self}, nil)
			if r.state != Backup || !r.Deadline().After(epoch) {
				t.Fatalf("an advert led to %v, deadline %v", r.state, r.Deadline())
			}
		}
	})
}
