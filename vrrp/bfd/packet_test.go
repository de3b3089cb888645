package bfd

import (
	"bytes"
	"encoding/hex"
	"errors"
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

const (
	goldenDown = "20400318" + "00000001" + "00000000" + "000f4240" + "000186a0" + "00000000"
	goldenUp   = "20c00318" + "00000001" + "00000002" + "000186a0" + "000186a0" + "00000000"
)

// TestGolden: section 4.1.
func TestGolden(t *testing.T) {
	for text, want := range map[string]Packet{
		goldenDown: {State: Down, Multiplier: 3, My: 1, MinTX: time.Second, MinRX: 100 * time.Millisecond},
		goldenUp:   {State: Up, Multiplier: 3, My: 1, Your: 2, MinTX: 100 * time.Millisecond, MinRX: 100 * time.Millisecond},
		"23600518000000010000000200000001000000020000000a": {
			Diag: DiagNeighborDown, State: Down, Poll: true, Multiplier: 5, My: 1, Your: 2,
			MinTX: time.Microsecond, MinRX: 2 * time.Microsecond, MinEchoRX: 10 * time.Microsecond,
		},
	} {
		got, err := Decode(unhex(t, text))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
		if b := want.Append(nil); hex.EncodeToString(b) != text {
			t.Errorf("%+v: %x, want %s", want, b, text)
		}
	}
}

// TestDiscard: the checks of section 6.8.6 in its order.
func TestDiscard(t *testing.T) {
	good := unhex(t, goldenUp)
	change := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"short":          {good[:23], ErrShort},
		"empty":          {nil, ErrShort},
		"version 0":      {change(0, 0), ErrVersion},
		"version 2":      {change(0, 0x40), ErrVersion},
		"length 23":      {change(3, 23), ErrLength},
		"length 25":      {change(3, 25), ErrLength},
		"auth too short": {change(1, 0xc4), ErrLength},
		"multiplier 0":   {change(2, 0), ErrMultiplier},
		"multipoint":     {change(1, 0xc1), ErrMultipoint},
		"my 0":           {change(7, 0), ErrMy},
		"your 0 and up":  {change(11, 0), ErrYour},
		"poll and final": {change(1, 0xf0), ErrFlags},
		"authenticated":  {append(change(1, 0xc4), 1, 2)[:26], ErrLength},
	} {
		if _, err := Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	auth := append(change(1, 0xc4), 1, 3, 9)
	auth[3] = byte(len(auth))
	if _, err := Decode(auth); !errors.Is(err, ErrAuth) {
		t.Errorf("authenticated: %v", err)
	}
	if _, err := Decode(append(bytes.Clone(good), 1, 2, 3)); err != nil {
		t.Errorf("bytes behind the packet: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(unhex(f, goldenDown))
	f.Add(unhex(f, goldenUp))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(p.Append(nil))
		if err != nil || again != p {
			t.Errorf("%x: %+v, and back %+v, %v", b, p, again, err)
		}
	})
}
