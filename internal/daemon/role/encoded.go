package role

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"math"

	"holdfast/internal/config"
	"holdfast/internal/wire"
)

// Encoded is a configuration as it travels: a twentieth of what it takes in
// memory, so that the parent need not keep it in any other form. Each virtual
// server is a piece of its own, so that of a large configuration only what
// changed need be sent (see [Encoded.Since]):
//
//	8 bytes  identity: a hash of the whole
//	8 bytes  identity of the configuration that this one is a change of; 0: of none
//	1 byte   the form of what follows: 0. Others before it had no such byte, and no 0 here
//	struct   everything but the virtual servers, as of package wire
//	number   of virtual servers, as of package encoding/binary, and for each of them
//	           4 bytes  2 × the length of its piece, or
//	                    2 × its place in the other configuration + 1
//	           struct   its piece
type Encoded []byte

const (
	identities = 16             // bytes
	heading    = identities + 1 // bytes before the first struct
	codeLen    = 4              // bytes
)

var (
	errEncoded = errors.New("configuration: cut short")
	errForm    = errors.New("configuration: it comes from another version of the program, in a form that this one does not know: restart the daemon")
)

// Encode encodes a configuration for WriteBoot.
func Encode(c *config.Config) (Encoded, error) {
	size := roughly(c.VirtualServers)
	return encodeServers(c, size, func(i int) *config.VirtualServer { return &c.VirtualServers[i] })
}

// EncodeParts is Encode of a configuration with parts of its virtual servers in
// the place of them. All parts may be made in the same memory.
func EncodeParts(c *config.Config, part func(*config.VirtualServer) *config.VirtualServer) (Encoded, error) {
	return encodeServers(c, 24*len(c.VirtualServers), func(i int) *config.VirtualServer { return part(&c.VirtualServers[i]) })
}

// encodeServers encodes a configuration with other virtual servers; size is about how
// many bytes they take. What is too much of it is never touched.
func encodeServers(c *config.Config, size int, server func(int) *config.VirtualServer) (Encoded, error) {
	rest := *c
	rest.VirtualServers = nil
	var f wire.Fields
	out := make(Encoded, heading, 8192+size)
	out = wire.Append(&f, out, &rest, configFields)
	out = binary.AppendUvarint(out, uint64(len(c.VirtualServers)))
	for i := range c.VirtualServers {
		start := len(out)
		out = wire.Append(&f, append(out, 0, 0, 0, 0), server(i), virtualServerFields)
		n := len(out) - start - codeLen
		if n > math.MaxInt32 {
			return nil, fmt.Errorf("configuration: virtual server %d takes %d bytes", i+1, n)
		}
		binary.BigEndian.PutUint32(out[start:], uint32(n)<<1)
	}
	h := fnv.New64a()
	h.Write(out)
	binary.BigEndian.PutUint64(out, h.Sum64()|1) // never 0
	return out, nil
}

// roughly is about how many bytes virtual servers take, rather more than less.
func roughly(list []config.VirtualServer) int {
	n := 0
	for i := range list {
		n += 128
		for k := range list[i].RealServers {
			n += 32 + 128*len(list[i].RealServers[k].Checkers())
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
	if err != nil || old.base() != 0 || len(was.list) == 0 {
		return e
	}
	now, err := e.pieces()
	if err != nil || e.base() != 0 {
		return e
	}
	seed := maphash.MakeSeed()
	have := make(map[uint64]int, len(was.list))
	for i := len(was.list) - 1; i >= 0; i-- {
		have[maphash.Bytes(seed, was.list[i].bytes)] = i
	}
	kept := make([]int, len(now.list)) // where it stands, + 1
	left, some := len(e), false
	for i, piece := range now.list {
		if at, ok := have[maphash.Bytes(seed, piece.bytes)]; ok && bytes.Equal(was.list[at].bytes, piece.bytes) {
			kept[i], some = at+1, true
			left -= len(piece.bytes)
		}
	}
	if !some {
		return e // nothing is as it was
	}
	out := make(Encoded, heading, left)
	copy(out, e[:8])
	copy(out[8:], old[:8])
	out = append(out, now.head...)
	out = binary.AppendUvarint(out, uint64(len(now.list)))
	for i, piece := range now.list {
		if kept[i] > 0 {
			out = binary.BigEndian.AppendUint32(out, uint32(kept[i]-1)<<1|1)
			continue
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(piece.bytes))<<1)
		out = append(out, piece.bytes...)
	}
	return out
}

// pieces are the parts of an encoded configuration, in its memory.
type pieces struct {
	head []byte
	list []piece // of the virtual servers
}

// piece is an encoded virtual server, or where it stands in another configuration.
type piece struct {
	bytes []byte // nil: in the other one
	at    int
}

// pieces takes an encoded configuration apart.
func (e Encoded) pieces() (p pieces, err error) {
	rest, err := e.content()
	if err != nil {
		return p, err
	}
	var f wire.Fields
	behind, err := wire.Skip(&f, rest)
	if err != nil {
		return p, errEncoded
	}
	p.head = rest[:len(rest)-len(behind)]
	s, err := serversOf(behind)
	if err != nil {
		return p, err
	}
	p.list = make([]piece, s.count)
	for i := range p.list {
		if p.list[i], err = s.next(); err != nil {
			return p, err
		}
	}
	return p, s.end()
}

// content is what stands behind the heading.
func (e Encoded) content() ([]byte, error) {
	switch {
	case len(e) < heading:
		return nil, errEncoded
	case e[identities] != 0:
		return nil, errForm
	}
	return e[heading:], nil
}

// pieceReader goes through the pieces of virtual servers.
type pieceReader struct {
	count int
	rest  []byte
}

func serversOf(b []byte) (r pieceReader, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size)/codeLen {
		return r, errEncoded
	}
	return pieceReader{int(n), b[size:]}, nil
}

// next is one more of count pieces.
func (r *pieceReader) next() (piece, error) {
	if len(r.rest) < codeLen {
		return piece{}, errEncoded
	}
	code := binary.BigEndian.Uint32(r.rest)
	r.rest = r.rest[codeLen:]
	n := int(code >> 1)
	if code&1 != 0 {
		return piece{at: n}, nil
	}
	if n == 0 || n > len(r.rest) {
		return piece{}, errEncoded
	}
	p := piece{bytes: r.rest[:n:n]}
	r.rest = r.rest[n:]
	return p, nil
}

// end checks that nothing is left over.
func (r *pieceReader) end() error {
	if len(r.rest) > 0 {
		return errEncoded
	}
	return nil
}

// decode returns the configuration and, for a change of base, where each of
// its virtual servers stands in that; -1: it is not there.
func (e Encoded) decode(base *config.Config) (*config.Config, []int, error) {
	rest, err := e.content()
	if err != nil {
		return nil, nil, err
	}
	c := &config.Config{}
	var f wire.Fields
	if rest, err = wire.Read(&f, rest, c, configFields); err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	s, err := serversOf(rest)
	if err != nil {
		return nil, nil, err
	}
	var kept []int
	if base != nil && s.count > 0 {
		kept = make([]int, s.count)
	}
	if s.count > 0 {
		c.VirtualServers = make([]config.VirtualServer, s.count)
	}
	for i := range c.VirtualServers {
		p, err := s.next()
		if err != nil {
			return nil, nil, err
		}
		if p.bytes != nil {
			left, err := wire.Read(&f, p.bytes, &c.VirtualServers[i], virtualServerFields)
			if err == nil && len(left) > 0 {
				err = errEncoded
			}
			if err != nil {
				return nil, nil, fmt.Errorf("configuration: virtual server %d: %w", i+1, err)
			}
			if kept != nil {
				kept[i] = -1
			}
			continue
		}
		if base == nil || p.at >= len(base.VirtualServers) {
			return nil, nil, fmt.Errorf("configuration: virtual server %d: it is one of a configuration that is not here", i+1)
		}
		c.VirtualServers[i], kept[i] = base.VirtualServers[p.at], p.at
	}
	if err := s.end(); err != nil {
		return nil, nil, err
	}
	return c, kept, nil
}
