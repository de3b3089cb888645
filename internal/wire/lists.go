package wire

import (
	"encoding/binary"
	"fmt"
)

// Struct is a field.
func Struct[T any](f *Fields, no uint64, v *T, fields func(*Fields, *T)) {
	if f.reading {
		if f.get(no, object) {
			f.inside(func() { fields(f, v) })
			f.next()
		}
		return
	}
	start, was := len(f.b), f.no
	f.put(no, object)
	inside := len(f.b)
	if f.object(func() { fields(f, v) }); len(f.b) == inside+1 { // it is zero
		f.b, f.no = f.b[:start], was
	}
}

// object writes a struct.
func (f *Fields) object(fields func()) {
	was := f.no
	f.no = 0
	fields()
	f.b, f.no = append(f.b, 0), was
}

// Pointer is a field; a pointer to zero is not nil afterwards.
func Pointer[T any](f *Fields, no uint64, v **T, fields func(*Fields, *T)) {
	switch {
	case f.reading:
		if f.get(no, object) {
			*v = new(T)
			f.inside(func() { fields(f, *v) })
			f.next()
		}
	case *v != nil:
		f.put(no, object)
		f.object(func() { fields(f, *v) })
	}
}

// Structs is a field.
func Structs[T any](f *Fields, no uint64, v *[]T, fields func(*Fields, *T)) {
	switch {
	case f.reading:
		if f.get(no, objects) {
			list := make([]T, f.count())
			// To look at an element, as for whether there is one, before it is written
			// has the kernel map its page twice, for reading and for writing.
			clear(list)
			for i := range list {
				f.inside(func() { fields(f, &list[i]) })
			}
			*v = list
			f.next()
		}
	case len(*v) > 0:
		f.put(no, objects)
		f.b = binary.AppendUvarint(f.b, uint64(len(*v)))
		for i := range *v {
			f.object(func() { fields(f, &(*v)[i]) })
		}
	}
}

// Strings is a field.
func Strings(f *Fields, no uint64, v *[]string) {
	switch {
	case f.reading:
		if f.get(no, texts) {
			list := make([]string, f.count())
			for i := range list {
				list[i] = string(f.bytes())
			}
			*v = list
			f.next()
		}
	case len(*v) > 0:
		f.put(no, texts)
		f.b = binary.AppendUvarint(f.b, uint64(len(*v)))
		for _, s := range *v {
			f.b = appendText(f.b, s)
		}
	}
}

// Ints is a field.
func Ints[T ~int | ~uint32](f *Fields, no uint64, v *[]T) {
	switch {
	case f.reading:
		if f.get(no, numbers) {
			list := make([]T, f.count())
			for i := range list {
				n := fromZigzag(f.uvarint())
				if list[i] = T(n); int64(list[i]) != n {
					f.fail(fmt.Errorf("field %d: the number %d is too large", no, n))
					return
				}
			}
			*v = list
			f.next()
		}
	case len(*v) > 0:
		f.put(no, numbers)
		f.b = binary.AppendUvarint(f.b, uint64(len(*v)))
		for _, n := range *v {
			f.b = binary.AppendUvarint(f.b, zigzag(int64(n)))
		}
	}
}
