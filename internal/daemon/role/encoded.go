package role

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"io"
	"slices"

	"holdfast/internal/config"
)

// Encoded is a configuration as it travels: a tenth of what it takes in
// memory, so that the parent need not keep it in any other form. Each virtual
// server is a piece of its own, so that of a large configuration only what
// changed need be sent (see [Encoded.Since]):
//
//	8 bytes  identity: a hash of the whole
//	8 bytes  identity of the configuration that this one is a change of; 0: of none
//	n, gob   everything but the virtual servers
//	n        number of virtual servers, and for each of them
//	           2 × the length of its piece, or
//	           2 × its place in the other configuration + 1
//	n, gob   what the pieces have in common: a virtual server without content
//	gob      the pieces
//
// n is a number as of package encoding/binary, before gob the length of that.
type Encoded []byte

const identities = 16 // bytes

var errEncoded = errors.New("configuration: cut short")

// Encode encodes a configuration for WriteBoot.
func Encode(c *config.Config) (Encoded, error) {
	size := roughly(c.VirtualServers)
	return encodeServers(c, size, func(i int) *config.VirtualServer { return &c.VirtualServers[i] })
}

// EncodeParts is Encode of a configuration with parts of its virtual servers in
// the place of them. All parts may be made in the same memory.
func EncodeParts(c *config.Config, part func(*config.VirtualServer) *config.VirtualServer) (Encoded, error) {
	return encodeServers(c, 0, func(i int) *config.VirtualServer { return part(&c.VirtualServers[i]) })
}

// encodeServers encodes a configuration with other virtual servers; size is about how
// many bytes they take.
func encodeServers(c *config.Config, size int, server func(int) *config.VirtualServer) (Encoded, error) {
	rest := *c
	rest.VirtualServers = nil
	var head, body bytes.Buffer
	if err := gob.NewEncoder(&head).Encode(&rest); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	body.Grow(size) // a buffer that grows is copied a dozen times
	enc := gob.NewEncoder(&body)
	p := pieces{codes: make([]uint64, len(c.VirtualServers))}
	if len(c.VirtualServers) > 0 {
		if err := enc.Encode(&config.VirtualServer{}); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
	}
	common := body.Len()
	for i := range c.VirtualServers {
		before := body.Len()
		if err := enc.Encode(server(i)); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		p.codes[i] = uint64(body.Len()-before) << 1
	}
	p.head, p.common, p.body = head.Bytes(), body.Bytes()[:common], body.Bytes()[common:]
	out := p.bytes()
	h := fnv.New64a()
	h.Write(out)
	binary.BigEndian.PutUint64(out, h.Sum64()|1) // never 0
	return out, nil
}

// roughly is about how many bytes virtual servers take.
func roughly(list []config.VirtualServer) int {
	n := 4096
	for i := range list {
		n += 32
		for k := range list[i].RealServers {
			n += 24 + 64*len(list[i].RealServers[k].Checkers)
		}
	}
	return n
}

// Decode is the inverse of Encode.
func Decode(e Encoded) (*config.Config, error) {
	c, _, err := e.decode(nil)
	return c, err
}

// ID is the identity of a configuration: equal for equal ones.
func (e Encoded) ID() uint64 {
	if len(e) < identities {
		return 0
	}
	return binary.BigEndian.Uint64(e)
}

// base is the identity of the configuration that e is a change of; 0: of none.
func (e Encoded) base() uint64 {
	if len(e) < identities {
		return 0
	}
	return binary.BigEndian.Uint64(e[8:])
}

// Since is e as a change of another configuration, to whose virtual servers it
// refers where it has the same. It is e itself where that cannot be done, or where
// they have none in common.
func (e Encoded) Since(old Encoded) Encoded {
	was, err := old.pieces()
	if err != nil || old.base() != 0 || len(was.codes) == 0 {
		return e
	}
	now, err := e.pieces()
	if err != nil || e.base() != 0 || !bytes.Equal(was.common, now.common) {
		return e
	}
	seed := maphash.MakeSeed()
	have := make(map[uint64]int, len(was.codes))
	list := was.list()
	for i := len(list) - 1; i >= 0; i-- {
		have[maphash.Bytes(seed, list[i])] = i
	}
	out := pieces{head: now.head, common: now.common, codes: slices.Clone(now.codes)}
	parts, left := now.list(), len(now.body)
	for i, piece := range parts {
		if at, ok := have[maphash.Bytes(seed, piece)]; ok && bytes.Equal(list[at], piece) {
			out.codes[i] = uint64(at)<<1 | 1
			left -= len(piece)
		}
	}
	if left == len(now.body) {
		return e // nothing is as it was
	}
	out.body = make([]byte, 0, left)
	for i, piece := range parts {
		if out.codes[i]&1 == 0 {
			out.body = append(out.body, piece...)
		}
	}
	change := out.bytes()
	copy(change, e[:8])
	copy(change[8:], old[:8])
	return change
}

// pieces are the parts of an encoded configuration.
type pieces struct {
	head, common, body []byte
	codes              []uint64 // of the virtual servers
}

func (p *pieces) bytes() Encoded {
	out := make(Encoded, identities, identities+len(p.head)+len(p.common)+len(p.body)+binary.MaxVarintLen32*(len(p.codes)+3))
	out = binary.AppendUvarint(out, uint64(len(p.head)))
	out = append(out, p.head...)
	out = binary.AppendUvarint(out, uint64(len(p.codes)))
	for _, c := range p.codes {
		out = binary.AppendUvarint(out, c)
	}
	out = binary.AppendUvarint(out, uint64(len(p.common)))
	out = append(out, p.common...)
	return append(out, p.body...)
}

// pieces takes an encoded configuration apart.
func (e Encoded) pieces() (p pieces, err error) {
	if len(e) < identities {
		return p, errEncoded
	}
	rest := []byte(e[identities:])
	number := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			err = errEncoded
			return 0
		}
		rest = rest[n:]
		return v
	}
	part := func() []byte {
		n := number()
		if err != nil || n > uint64(len(rest)) {
			err = errEncoded
			return nil
		}
		b := rest[:n]
		rest = rest[n:]
		return b
	}
	p.head = part()
	n := number()
	if err != nil || n > uint64(len(rest)) { // each takes a byte at least
		return p, errEncoded
	}
	p.codes = make([]uint64, n)
	var size uint64
	for i := range p.codes {
		if p.codes[i] = number(); p.codes[i]&1 == 0 {
			size += min(p.codes[i]>>1, uint64(len(e)))
		}
	}
	p.common = part()
	if err != nil || size != uint64(len(rest)) {
		return p, errEncoded
	}
	p.body = rest
	return p, nil
}

// list are the pieces of the virtual servers; nil for those that stand in
// another configuration.
func (p *pieces) list() [][]byte {
	out := make([][]byte, len(p.codes))
	rest := p.body
	for i, c := range p.codes {
		if c&1 == 0 {
			out[i], rest = rest[:c>>1], rest[c>>1:]
		}
	}
	return out
}

// decode returns the configuration and, for a change of base, where each of
// its virtual servers stands in that; -1: it is not there.
func (e Encoded) decode(base *config.Config) (*config.Config, []int, error) {
	p, err := e.pieces()
	if err != nil {
		return nil, nil, err
	}
	c := &config.Config{}
	if err := gob.NewDecoder(bytes.NewReader(p.head)).Decode(c); err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	if len(p.codes) == 0 {
		return c, nil, nil
	}
	dec := gob.NewDecoder(io.MultiReader(bytes.NewReader(p.common), bytes.NewReader(p.body)))
	if err := dec.Decode(&config.VirtualServer{}); err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	var kept []int
	if base != nil {
		kept = make([]int, len(p.codes))
	}
	c.VirtualServers = make([]config.VirtualServer, len(p.codes))
	for i, code := range p.codes {
		if code&1 == 0 {
			if err := dec.Decode(&c.VirtualServers[i]); err != nil {
				return nil, nil, fmt.Errorf("configuration: virtual server %d: %w", i+1, err)
			}
			if kept != nil {
				kept[i] = -1
			}
			continue
		}
		at := code >> 1
		if base == nil || at >= uint64(len(base.VirtualServers)) {
			return nil, nil, fmt.Errorf("configuration: virtual server %d: it is one of a configuration that is not here", i+1)
		}
		c.VirtualServers[i], kept[i] = base.VirtualServers[at], int(at)
	}
	return c, kept, nil
}
