package faults

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"holdfast/integration/lab"
)

// TestHostile checks that the flood's packets are many kinds of wrong and that
// none of them is a packet that a router would have to believe.
func TestHostile(t *testing.T) {
	for _, c := range []struct {
		version uint8
		body    []byte
	}{
		{2, []byte{0x21, 51, 150, 1, 0, 1, 0, 0, 192, 0, 2, 100, 0, 0, 0, 0, 0, 0, 0, 0}},
		{3, []byte{0x31, 51, 150, 1, 0, 10, 0, 0, 192, 0, 2, 100}},
	} {
		src := netip.MustParseAddr("192.0.2.1")
		sum := lab.Checksum(c.body, src, c.version == 3)
		c.body[6], c.body[7] = byte(sum>>8), byte(sum)
		real := lab.Advert{Version: c.version, Src: src, Body: c.body}
		if !valid(c.body, src, 255, real) {
			t.Fatalf("v%d: the model itself is wrong", c.version)
		}
		kinds := map[string]int{}
		for _, f := range hostile(real, rand.New(rand.NewPCG(1, 2))) {
			ttl, body := f[14+8], f[14+20:]
			from, _ := netip.AddrFromSlice(f[14+12 : 14+16])
			if valid(body, from, ttl, real) {
				t.Fatalf("v%d: a packet that is right: %x", c.version, f)
			}
			switch {
			case len(body) < 8:
				kinds["short"]++
			case ttl != 255:
				kinds["from afar"]++
			case lab.Checksum(body, from, c.version == 3) == 0:
				kinds["right checksum"]++
			default:
				kinds["wrong checksum"]++
			}
		}
		for _, k := range []string{"short", "from afar", "right checksum", "wrong checksum"} {
			if kinds[k] < poolSize/100 {
				t.Errorf("v%d: only %d of %d packets are of the kind: %s", c.version, kinds[k], poolSize, k)
			}
		}
	}
}
