package link

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/net/bpf"
)

// The program lets through what the set holds and what is too short to tell,
// for any header length; of the rest at most what chance picks.
func TestVRIDProgram(t *testing.T) {
	var set VRIDs
	for _, vrid := range []uint8{1, 31, 32, 200, 255} {
		set.Add(vrid)
	}
	for _, six := range []bool{false, true} {
		// The library's machine has no random numbers: 0 passes, 1 does not.
		for _, random := range []uint32{0, 1} {
			prog := vridProgram(set, six)
			for i, in := range prog {
				if in == (bpf.LoadExtension{Num: bpf.ExtRand}) {
					prog[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: random}
				}
			}
			vm, err := bpf.NewVM(prog)
			if err != nil {
				t.Fatal(err)
			}
			for vrid := range 256 {
				for _, options := range []int{0, 4, 40} {
					packet := []byte{0x31, byte(vrid), 100, 1, 0, 100, 0, 0}
					if !six {
						ip := make([]byte, 20+options)
						ip[0] = 0x40 | byte(len(ip)/4)
						packet = append(ip, packet...)
					}
					n, err := vm.Run(packet)
					if err != nil {
						t.Fatal(err)
					}
					if pass := set.Has(uint8(vrid)) || random == 0; (n > 0) != pass || pass && n < len(packet) {
						t.Fatalf("IPv6 %v, VRID %d, %d bytes of options, random %d: %d bytes pass", six, vrid, options, random, n)
					}
					for _, cut := range []int{7, 8} {
						if n, err := vm.Run(packet[:len(packet)-cut]); err != nil || n == 0 {
							t.Fatalf("IPv6 %v: a message of %d bytes: %d, %v", six, 8-cut, n, err)
						}
					}
				}
			}
		}
	}
}

// A port hears its VRIDs only, but for a share of the others, and the filter of
// an open port is exchanged without a gap.
func TestWireFilter(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	wa, wb := wire(t, WireConfig{}), wire(t, WireConfig{Coalesce: -1})
	var set VRIDs
	set.Add(51)
	if err := wb.Filter(pb, set); err != nil {
		t.Fatal(err)
	}
	open(t, wa, pa)
	open(t, wb, pb)
	say := func(vrids ...byte) {
		for _, v := range vrids {
			send(t, wa, pa, "224.0.0.18", []byte{0x21, v, 100, 1, 0, 1, 0, 0})
		}
	}
	// heard is what came until now: up to a last one, for which it waits as long as
	// a busy machine may take, and what a second processor may have put behind it.
	heard := func() (vrids []byte) {
		const last = 7 // as a priority
		send(t, wa, pa, "224.0.0.18", []byte{0x21, 51, last, 1, 0, 1, 0, 0})
		for limit := 15 * time.Second; ; {
			ps, err := wb.Wait(wb.Now().Add(limit))
			if err != nil {
				t.Fatal(err)
			}
			if len(ps) == 0 && limit > time.Second {
				t.Fatal("the last one never came")
			}
			if len(ps) == 0 {
				return vrids
			}
			for _, p := range ps {
				if p.Body[2] == last {
					limit = 20 * time.Millisecond
				} else {
					vrids = append(vrids, p.Body[1])
				}
			}
		}
	}
	const strays = 1600
	for range strays {
		say(52)
	}
	if n := len(heard()); n == 0 || n > strays/4 {
		t.Errorf("%d of %d strays got through, want about one in %d", n, strays, strayShare)
	}
	say(51, 51)
	if got := heard(); !slices.Equal(got, []byte{51, 51}) {
		t.Errorf("heard %v", got)
	}
	set.Add(52)
	for i := range 50 {
		say(51)
		if i == 25 {
			if err := wb.Filter(pb, set); err != nil {
				t.Fatal(err)
			}
		}
	}
	say(52, 52)
	if got := heard(); len(got) != 52 || got[51] != 52 {
		t.Errorf("heard %v around the exchange", got)
	}
	// A port that closed forgets its filter.
	open(t, wb)
	open(t, wb, pb)
	say(7, 8, 9)
	if got := heard(); len(got) != 3 {
		t.Errorf("without a filter heard %v", got)
	}
}
