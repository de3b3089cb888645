package wire

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// Bool is a field.
func Bool[T ~bool](f *Fields, no uint64, v *T) {
	switch {
	case f.reading:
		if f.get(no, number) {
			*v = f.uvarint() != 0
			f.next()
		}
	case bool(*v):
		f.put(no, number)
		f.b = append(f.b, 1)
	}
}

// Uint is a field.
func Uint[T ~uint8 | ~uint16 | ~uint32 | ~uint64](f *Fields, no uint64, v *T) {
	switch {
	case f.reading:
		if f.get(no, number) {
			n := f.uvarint()
			if *v = T(n); uint64(*v) != n {
				f.fail(fmt.Errorf("field %d: the number %d is too large", no, n))
				return
			}
			f.next()
		}
	case *v != 0:
		f.put(no, number)
		f.b = binary.AppendUvarint(f.b, uint64(*v))
	}
}

// Int is a field.
func Int[T ~int | ~int32 | ~int64](f *Fields, no uint64, v *T) {
	switch {
	case f.reading:
		if f.get(no, number) {
			n := fromZigzag(f.uvarint())
			if *v = T(n); int64(*v) != n {
				f.fail(fmt.Errorf("field %d: the number %d is too large", no, n))
				return
			}
			f.next()
		}
	case *v != 0:
		f.put(no, number)
		f.b = binary.AppendUvarint(f.b, zigzag(int64(*v)))
	}
}

// zigzag makes a small number of a small one below zero.
func zigzag(n int64) uint64     { return uint64(n)<<1 ^ uint64(n>>63) }
func fromZigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// String is a field.
func String[T ~string](f *Fields, no uint64, v *T) {
	switch {
	case f.reading:
		if f.get(no, text) {
			*v = T(f.bytes())
			f.next()
		}
	case *v != "":
		f.put(no, text)
		f.b = appendText(f.b, *v)
	}
}

// Bytes is a field.
func Bytes[T ~[]byte](f *Fields, no uint64, v *T) {
	switch {
	case f.reading:
		if f.get(no, text) {
			*v = append(T(nil), f.bytes()...)
			f.next()
		}
	case len(*v) > 0:
		f.put(no, text)
		f.b = appendText(f.b, *v)
	}
}

// Fixed is a field of exactly so many bytes, which are zero where it did not come.
func Fixed(f *Fields, no uint64, v []byte) {
	some := false
	for _, c := range v {
		some = some || c != 0
	}
	switch {
	case f.reading:
		if f.get(no, text) {
			if n := copy(v, f.bytes()); n != len(v) {
				f.fail(fmt.Errorf("field %d: %d of %d bytes", no, n, len(v)))
				return
			}
			f.next()
		}
	case some:
		f.put(no, text)
		f.b = appendText(f.b, v)
	}
}

// appendText appends a text behind its length.
func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unmarshal reads a field that has a form of its own.
func (f *Fields) unmarshal(no uint64, v encoding.BinaryUnmarshaler) {
	if !f.get(no, text) {
		return
	}
	if err := v.UnmarshalBinary(f.bytes()); err != nil {
		f.fail(fmt.Errorf("field %d: %w", no, err))
		return
	}
	f.next()
}

// Addr is a field.
func Addr(f *Fields, no uint64, v *netip.Addr) {
	switch {
	case f.reading:
		f.unmarshal(no, v)
	case *v != netip.Addr{}:
		f.put(no, text)
		if v.Is4() { // most of them, without memory of their own
			b := v.As4()
			f.b = append(append(f.b, byte(len(b))), b[:]...)
			return
		}
		b, _ := v.MarshalBinary() // it never fails
		f.b = appendText(f.b, b)
	}
}

// Prefix is a field.
func Prefix(f *Fields, no uint64, v *netip.Prefix) {
	switch {
	case f.reading:
		f.unmarshal(no, v)
	case *v != netip.Prefix{}:
		f.put(no, text)
		b, _ := v.MarshalBinary() // it never fails
		f.b = appendText(f.b, b)
	}
}

// Time is a field: a wall clock's, with its distance to UTC in whole seconds.
func Time(f *Fields, no uint64, v *time.Time) {
	switch {
	case f.reading:
		f.unmarshal(no, v)
	case !v.IsZero():
		b, err := v.MarshalBinary()
		if err != nil { // a year that has no number
			return
		}
		f.put(no, text)
		f.b = appendText(f.b, b)
	}
}
