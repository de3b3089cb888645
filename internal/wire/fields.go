package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A struct is a head for each field and behind that the field; the head 0 ends it.
// A head is number<<kindBits + kind, and it and all numbers below are as of
// package encoding/binary:
//
//	number   a number
//	text     a length, and so many bytes
//	object   a struct
//	objects  a count, and so many structs
//	texts    a count, and so many texts
//	numbers  a count, and so many numbers
type kind uint8

const (
	number kind = iota
	text
	object
	objects
	texts
	numbers
)

const kindBits = 3

// deepest is how deep structs that are left out may stand in each other.
const deepest = 20

// Fields is one struct, which is written or read. The fields have to be gone
// through by rising numbers. The zero value is ready for [Append] and [Read], again
// and again: it saves some memory for each of many values.
type Fields struct {
	b       []byte // what is written, or is still to be read
	reading bool
	no      uint64 // of the field read next, or written last
	kind    kind   // of the field read next
	err     error  // of reading
}

var errShort = errors.New("cut short")

// Append appends a value to b, by f.
func Append[T any](f *Fields, b []byte, v *T, fields func(*Fields, *T)) []byte {
	*f = Fields{b: b}
	fields(f, v)
	b = append(f.b, 0)
	*f = Fields{}
	return b
}

// Read fills a zero value from the beginning of b, by f, and returns what follows
// it. The value has no part of b's memory.
func Read[T any](f *Fields, b []byte, v *T, fields func(*Fields, *T)) (rest []byte, err error) {
	*f = Fields{b: b, reading: true}
	f.inside(func() { fields(f, v) })
	rest, err = f.b, f.err
	*f = Fields{}
	return rest, err
}

// Skip returns what follows the value at the beginning of b.
func Skip(f *Fields, b []byte) (rest []byte, err error) {
	return Read(f, b, new(struct{}), func(*Fields, *struct{}) {})
}

// inside reads the struct that begins here. What the function does not read of
// it is left out.
func (f *Fields) inside(fields func()) {
	f.next()
	fields()
	for f.no != 0 {
		f.skip(0)
		f.next()
	}
}

// fail ends reading.
func (f *Fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
	f.b, f.no = nil, 0
}

// next reads the head of the next field.
func (f *Fields) next() {
	head := f.uvarint()
	if f.no, f.kind = head>>kindBits, kind(head&(1<<kindBits-1)); f.no == 0 && head != 0 {
		f.fail(errors.New("a field without a number"))
	}
}

// put writes the head of a field.
func (f *Fields) put(no uint64, k kind) {
	if no <= f.no {
		panic(fmt.Sprintf("wire: field %d behind field %d", no, f.no))
	}
	f.no = no
	f.b = binary.AppendUvarint(f.b, no<<kindBits|uint64(k))
}

// get reports whether the field came, which is then read next. The caller has to
// read it and then the head of the next one.
func (f *Fields) get(no uint64, k kind) bool {
	for f.no != 0 && f.no < no {
		f.skip(0)
		f.next()
	}
	if f.no == no && f.kind != k {
		f.fail(fmt.Errorf("field %d is of kind %d, not %d", no, f.kind, k))
	}
	return f.no == no
}

func (f *Fields) uvarint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.fail(errShort)
		return 0
	}
	f.b = f.b[n:]
	return v
}

// bytes reads a length and so many bytes, which are those of the input.
func (f *Fields) bytes() []byte {
	n := f.count()
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

// count reads a count of things that take a byte each at least.
func (f *Fields) count() int {
	n := f.uvarint()
	if n > uint64(len(f.b)) {
		f.fail(errShort)
		return 0
	}
	return int(n)
}

// skip leaves a field out.
func (f *Fields) skip(depth int) {
	n := 1
	switch f.kind {
	case objects, texts, numbers:
		n = f.count()
	}
	for k := f.kind; n > 0 && f.err == nil; n-- {
		switch k {
		case number, numbers:
			f.uvarint()
		case text, texts:
			f.bytes()
		case object, objects:
			if depth == deepest {
				f.fail(errors.New("too deep"))
				return
			}
			for f.next(); f.no != 0; f.next() {
				f.skip(depth + 1)
			}
		default:
			f.fail(fmt.Errorf("field %d is of the unknown kind %d", f.no, k))
		}
	}
}
