package vrrp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"
)

// recorded is one frame of a recording, from its IP header on.
type recorded struct {
	n    int
	wall time.Time
	meta Meta
	ip   []byte
	body []byte
}

// readRecording reads the VRRP frames of a capture (libpcap, Ethernet).
func readRecording(t *testing.T, name string) []recorded {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	if len(b) < 24 || le.Uint32(b) != 0xa1b2c3d4 {
		t.Fatalf("%s: not a capture in microseconds", name)
	}
	var out []recorded
	for n, b := 1, b[24:]; len(b) >= 16; n++ {
		size := int(le.Uint32(b[8:]))
		at := time.Unix(int64(le.Uint32(b)), int64(le.Uint32(b[4:]))*1000)
		frame := b[16 : 16+size]
		b = b[16+size:]
		p := frame[14:]
		r := recorded{n: n, wall: at, ip: p, meta: Meta{Wall: at.UnixNano()}}
		switch binary.BigEndian.Uint16(frame[12:]) {
		case 0x0800:
			length := int(binary.BigEndian.Uint16(p[2:]))
			if p[9] != protocol && p[9] != ahProtocol {
				continue
			}
			r.ip, r.body = p[:length], p[20:length]
			r.meta.Src, r.meta.Dst = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
			r.meta.TTL, r.meta.AH, r.meta.ID = p[8], p[9] == ahProtocol, binary.BigEndian.Uint16(p[4:])
		case 0x86dd:
			if p[6] != protocol {
				continue
			}
			r.body = p[40:]
			r.meta.Src, r.meta.Dst, r.meta.TTL = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40])), p[7]
		default:
			continue
		}
		r.meta.TotalLen = len(r.body)
		out = append(out, r)
	}
	return out
}

// recordedConfig is the configuration of the instances in the recordings.
func recordedConfig(t *testing.T, a *Advert, m *Meta) Config {
	c := Config{Name: "r", VRID: a.VRID, Version: a.Version, Priority: 50, AdvertInt: time.Second, DownTimerAdverts: 3}
	c.Addresses = append(c.Addresses, a.Addrs...)
	c.StrictAddresses = true
	if !m.Dst.IsMulticast() {
		c.Unicast, c.CheckPeers, c.Peers = true, true, []netip.Addr{m.Src, m.Dst}
	}
	switch a.VRID {
	case 52:
		c.AuthType = AuthPassword
		copy(c.AuthPass[:], "s3cret")
	case 53:
		c.AuthType = AuthHeader
		copy(c.AuthPass[:], "hmackey1")
	case 54:
		c.AdvertInt = 500 * time.Millisecond
	case 62, 64:
		c.Checksum = ChooseMessage
	}
	switch a.VRID {
	case 63, 64, 65, 66, 67:
		c.HMAC = HMAC{
			Keys:   []HMACKey{{1, unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")}},
			Active: 1, Window: 5 * time.Second,
		}
	}
	return c
}

// TestRecordings plays everything that keepalived 2.2.7 and 2.4.3 sent to a
// router with their configuration, which accepts every frame, and has another
// one write each frame again, byte for byte.
func TestRecordings(t *testing.T) {
	for file, want := range map[string]struct{ frames, signed int }{
		"keepalived-2.2.7.pcap": {232, 21}, "keepalived-2.4.3.pcap": {253, 126},
	} {
		hears, writes := map[uint8]*Router{}, map[uint8]*Router{}
		frames, signed := 0, 0
		for _, f := range readRecording(t, "testdata/"+file) {
			var a Advert
			if d := Decode(&a, &f.meta, f.body); d != DropNone {
				t.Fatalf("%s frame %d: dropped: %v", file, f.n, d)
			}
			r, w := hears[a.VRID], writes[a.VRID]
			if r == nil {
				c := recordedConfig(t, &a, &f.meta)
				r, w = NewRouter(c), NewRouter(c)
				r.Step(f.wall, &Event{Kind: EventStart}, nil)
				hears[a.VRID], writes[a.VRID] = r, w
			}
			if d := r.Check(&a, &f.meta); d != DropNone {
				t.Errorf("%s frame %d, VRID %d from %v: %v", file, f.n, a.VRID, f.meta.Src, d)
				continue
			}
			frames++
			if a.Signed {
				signed++
			}
			if d := r.Check(&a, &f.meta); a.Signed && d != DropReplay {
				t.Errorf("%s frame %d, VRID %d: came again: %v", file, f.n, a.VRID, d)
			}
			var out Advert
			w.Advert(a.Priority, &out)
			got, want := []byte(nil), f.body
			switch {
			case a.ah != nil:
				out.Sequence, want = uint64(binary.BigEndian.Uint32(a.ah[8:])), f.ip
				w.auth.ah.id = f.meta.ID - 1
			case len(a.trailer) > 0:
				out.Sequence = binary.BigEndian.Uint64(a.trailer[4:])
			}
			if got = w.Append(got, &out, f.meta.Src, f.meta.Dst); !bytes.Equal(got, want) {
				t.Errorf("%s frame %d, VRID %d: wrote\n%x, want\n%x", file, f.n, a.VRID, got, want)
			}
		}
		if frames != want.frames || signed != want.signed {
			t.Errorf("%s: %d frames, %d of them signed, want %v", file, frames, signed, want)
		}
	}
}
