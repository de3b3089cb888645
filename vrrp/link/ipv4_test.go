package link

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The header and body of an advert that keepalived 2.2.7 sent.
const recorded = "45c0002800010000ff70d0870a090002e0000012" + "213364010001708e0a0900330000000000000000"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseIPv4(t *testing.T) {
	good := unhex(t, recorded)
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	options := append(append(change(func(b []byte) []byte { b[0], b[3] = 0x46, 44; return b[:20] }), 0x94, 4, 0, 0), good[20:]...)
	for _, tt := range []struct {
		name    string
		in      []byte
		ok      bool
		body    int
		payload int
	}{
		{"as recorded", good, true, 20, 20},
		{"padded by the link", append(bytes.Clone(good), 0, 0, 0, 0, 0, 0), true, 20, 20},
		{"with a router alert option", options, true, 20, 20},
		{"cut off by a short buffer", good[:30], true, 10, 20},
		{"no body", change(func(b []byte) []byte { b[3] = 20; return b[:20] }), true, 0, 0},
		{"empty", nil, false, 0, 0},
		{"short header", good[:19], false, 0, 0},
		{"version 6", change(func(b []byte) []byte { b[0] = 0x65; return b }), false, 0, 0},
		{"header length 16", change(func(b []byte) []byte { b[0] = 0x44; return b }), false, 0, 0},
		{"header longer than what came", change(func(b []byte) []byte { b[0] = 0x4f; return b }), false, 0, 0},
		{"total length below the header", change(func(b []byte) []byte { b[3] = 19; return b }), false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, body, ok := parseIPv4(tt.in)
			if ok != tt.ok {
				t.Fatalf("ok = %v, want %v", ok, tt.ok)
			}
			if !ok {
				return
			}
			if len(body) != tt.body || h.PayloadLen != tt.payload {
				t.Errorf("body of %d bytes, payload length %d; want %d and %d", len(body), h.PayloadLen, tt.body, tt.payload)
			}
			if h.Src != addr("10.9.0.2") || h.Dst != addr("224.0.0.18") || h.TTL != 255 || h.Protocol != 112 {
				t.Errorf("header %+v", h)
			}
			if n := min(len(body), len(good)-20); !bytes.Equal(body[:n], good[20:20+n]) {
				t.Errorf("body %x", body)
			}
		})
	}
}

func FuzzParseIPv4(f *testing.F) {
	good := unhex(f, recorded)
	f.Add(good)
	f.Add(good[:20])
	f.Add(good[:7])
	f.Add(append([]byte{0x4f, 0xc0, 0, 60}, make([]byte, 56)...))
	f.Add([]byte{0x60})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, ok := parseIPv4(b)
		if !ok {
			return
		}
		if !h.Src.Is4() || !h.Dst.Is4() {
			t.Errorf("addresses %v %v", h.Src, h.Dst)
		}
		if h.PayloadLen < 0 || h.PayloadLen > 65535-ipv4MinHeader {
			t.Errorf("payload length %d", h.PayloadLen)
		}
		if len(body) > h.PayloadLen || len(body) > len(b)-ipv4MinHeader {
			t.Errorf("body of %d bytes, payload length %d, datagram of %d", len(body), h.PayloadLen, len(b))
		}
	})
}
