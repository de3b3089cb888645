package integration

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
)

// A choice is one that the kernel's scheduler made, and what it knew.
type choice struct {
	client, to       netip.Addr
	active, inactive []int // connections of each server before it
	chosen           int
}

// An ordered is a server of a service, at its place in the kernel's list.
type ordered struct {
	addr   netip.Addr
	port   uint16
	weight int
}

// A definition says whether a scheduler may have made a history of choices,
// and if not, at which one that is seen. The history is complete: it begins
// with the first connection of the service. Nothing of it is from the kernel's
// source but what users rely on: the sizes and the hashes of tables, since two
// directors must agree on them.
type definition func(servers []ordered, history []choice) error

// definitions by scheduler. Where a definition does not say which of several
// equals is taken, each of them is right.
var definitions = map[string]definition{
	"rr":    turns(func(s []ordered) []int { return inOrder(len(s)) }),
	"wrr":   turns(weighted),
	"lc":    best(func(_ ordered, c burden) ratio { return ratio{256*c.active + c.inactive, 1} }),
	"wlc":   best(func(s ordered, c burden) ratio { return ratio{256*c.active + c.inactive, s.weight} }),
	"sed":   best(expectedDelay),
	"nq":    neverQueue,
	"fo":    best(func(s ordered, _ burden) ratio { return ratio{-s.weight, 1} }),
	"ovf":   overflow,
	"sh":    hashed(sourceTable, func(c choice) netip.Addr { return c.client }),
	"dh":    hashed(destinationTable, func(c choice) netip.Addr { return c.to }),
	"mh":    maglev,
	"lblc":  local(false),
	"lblcr": local(true),
}

// burden is how many connections a server has.
type burden struct{ active, inactive int }

func (c choice) burden(i int) burden { return burden{c.active[i], c.inactive[i]} }

// ratio is a fraction with a denominator above 0.
type ratio struct{ num, den int }

func (r ratio) less(o ratio) bool { return r.num*o.den < o.num*r.den }

// least are the servers with the least cost, of those that may be taken.
func least(servers []ordered, c choice, cost func(ordered, burden) ratio, may func(int) bool) map[int]bool {
	found := map[int]bool{}
	var low ratio
	for i, s := range servers {
		if s.weight == 0 || !may(i) {
			continue
		}
		r := cost(s, c.burden(i))
		if len(found) == 0 || r.less(low) {
			found, low = map[int]bool{}, r
		}
		if !low.less(r) {
			found[i] = true
		}
	}
	return found
}

func anyServer(int) bool { return true }

// wrong is the error of a choice that is not one of those allowed.
func wrong(at int, c choice, allowed any) error {
	return fmt.Errorf("choice %d (%s to %s; active %v, inactive %v) is server %d, want one of %v", at+1, c.client, c.to, c.active, c.inactive, c.chosen, allowed)
}

// best takes a server of the least cost.
func best(cost func(ordered, burden) ratio) definition {
	return func(servers []ordered, history []choice) error {
		for i, c := range history {
			if ok := least(servers, c, cost, anyServer); !ok[c.chosen] {
				return wrong(i, c, ok)
			}
		}
		return nil
	}
}

// expectedDelay is the cost of sed: what the new connection will wait for.
func expectedDelay(s ordered, c burden) ratio { return ratio{c.active + 1, s.weight} }

// neverQueue takes an idle server if there is one, else as sed does.
func neverQueue(servers []ordered, history []choice) error {
	for i, c := range history {
		idle := func(n int) bool { return c.active[n] == 0 }
		ok := least(servers, c, func(ordered, burden) ratio { return ratio{0, 1} }, idle)
		if len(ok) == 0 {
			ok = least(servers, c, expectedDelay, anyServer)
		}
		if !ok[c.chosen] {
			return wrong(i, c, ok)
		}
	}
	return nil
}

// overflow takes the heaviest server until its active connections exceed its
// weight, then the next.
func overflow(servers []ordered, history []choice) error {
	for i, c := range history {
		ok := least(servers, c, func(s ordered, _ burden) ratio { return ratio{-s.weight, 1} },
			func(n int) bool { return c.active[n] <= servers[n].weight })
		if !ok[c.chosen] {
			return wrong(i, c, ok)
		}
	}
	return nil
}

// turns gives turns in a fixed order, over and over, from anywhere in it.
func turns(cycle func([]ordered) []int) definition {
	return func(servers []ordered, history []choice) (err error) {
		order := cycle(servers)
		for start := range order {
			err = nil
			for i, c := range history {
				if want := order[(start+i)%len(order)]; c.chosen != want {
					err = wrong(i, c, want)
					break
				}
			}
			if err == nil {
				return nil
			}
		}
		return err
	}
}

func inOrder(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// weighted is one round of wrr: for each level from the greatest weight down
// the servers that reach it.
func weighted(servers []ordered) (round []int) {
	top, step := 0, 0
	for _, s := range servers {
		top, step = max(top, s.weight), gcd(s.weight, step)
	}
	for level := top; level > 0; level -= step {
		for i, s := range servers {
			if s.weight >= level {
				round = append(round, i)
			}
		}
	}
	return round
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// fold is an address as the hash schedulers see it.
func fold(a netip.Addr) (n uint32) {
	for b := a.AsSlice(); len(b) > 0; b = b[4:] {
		n ^= binary.BigEndian.Uint32(b)
	}
	return n
}

// slots is the size of the tables of sh and dh.
const slots = 256

// hashed looks an address up in a table of servers by Fibonacci hashing.
func hashed(table func([]ordered) []int, key func(choice) netip.Addr) definition {
	return func(servers []ordered, history []choice) error {
		t := table(servers)
		for i, c := range history {
			if want := t[fold(key(c))*0x61c88647>>(32-8)]; c.chosen != want {
				return wrong(i, c, want)
			}
		}
		return nil
	}
}

// sourceTable gives each server as many slots in a row as its weight.
func sourceTable(servers []ordered) (t []int) {
	for len(t) < slots {
		for i, s := range servers {
			for range s.weight {
				t = append(t, i)
			}
		}
	}
	return t[:slots]
}

// destinationTable gives the slots to the servers in turn.
func destinationTable(servers []ordered) (t []int) {
	for len(t) < slots {
		t = append(t, inOrder(len(servers))...)
	}
	return t[:slots]
}

// maglevSize is the size of mh's table: the kernel's default.
const maglevSize = 4093

// maglev is the consistent hash of Eisenbud et al., "Maglev: A Fast and
// Reliable Software Network Load Balancer", section 3.4: each server has a
// permutation of the slots of its own and in its turn takes the next that is
// free; with weights it has that many turns at once.
func maglev(servers []ordered, history []choice) error {
	const k1, k2 = 2654435761, 2654446892
	table := make([]int, maglevSize)
	for i := range table {
		table[i] = -1
	}
	next := make([]uint32, len(servers))
	unit := 0
	for i, s := range servers {
		next[i] = hsiphash(fold(s.addr)+uint32(s.port), k1) % maglevSize
		unit = gcd(s.weight, unit)
	}
	for filled := 0; filled < maglevSize; {
		for i, s := range servers {
			skip := hsiphash(fold(s.addr)+uint32(s.port), k2)%(maglevSize-1) + 1
			for range s.weight / unit {
				if filled == maglevSize {
					break
				}
				for table[next[i]] >= 0 {
					next[i] = (next[i] + skip) % maglevSize
				}
				table[next[i]] = i
				filled++
			}
		}
	}
	for i, c := range history {
		if want := table[hsiphash(fold(c.client), k1)%maglevSize]; c.chosen != want {
			return wrong(i, c, want)
		}
	}
	return nil
}

// hsiphash is SipHash-1-3 of four bytes, folded to 32 bits, with the same key
// twice: what Linux on 64 bits calls hsiphash.
func hsiphash(n uint32, key uint64) uint32 {
	v0, v1 := 0x736f6d6570736575^key, 0x646f72616e646f6d^key
	v2, v3 := 0x6c7967656e657261^key, 0x7465646279746573^key
	round := func() {
		v0, v2 = v0+v1, v2+v3
		v1, v3 = bits.RotateLeft64(v1, 13)^v0, bits.RotateLeft64(v3, 16)^v2
		v0 = bits.RotateLeft64(v0, 32)
		v2, v0 = v2+v1, v0+v3
		v1, v3 = bits.RotateLeft64(v1, 17)^v2, bits.RotateLeft64(v3, 21)^v0
		v2 = bits.RotateLeft64(v2, 32)
	}
	b := uint64(4)<<56 | uint64(n)
	v3 ^= b
	round()
	v0 ^= b
	v2 ^= 0xff
	for range 3 {
		round()
	}
	return uint32(v0 ^ v1 ^ v2 ^ v3)
}

// local is lblc: an address stays on the server that it got by wlc until that
// has more active connections than its weight while another has fewer than
// half of its own. With sets (lblcr) the address then has both, and of those
// the one with the least load is asked.
func local(sets bool) definition {
	cost := func(s ordered, c burden) ratio { return ratio{256*c.active + c.inactive, s.weight} }
	return func(servers []ordered, history []choice) error {
		has := map[netip.Addr]map[int]bool{}
		for i, c := range history {
			overloaded := func(n int) bool {
				if c.active[n] <= servers[n].weight {
					return false
				}
				for j, s := range servers {
					if 2*c.active[j] < s.weight {
						return true
					}
				}
				return false
			}
			set := has[c.to]
			ok := least(servers, c, cost, func(n int) bool { return set[n] })
			for n := range ok {
				if overloaded(n) {
					delete(ok, n)
				}
			}
			if len(ok) == 0 {
				ok = least(servers, c, cost, anyServer)
			}
			if !ok[c.chosen] {
				return wrong(i, c, ok)
			}
			if set == nil || !sets {
				has[c.to] = map[int]bool{}
			}
			has[c.to][c.chosen] = true
		}
		return nil
	}
}
