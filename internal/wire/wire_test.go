package wire

import (
	"encoding/binary"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type part struct {
	Text string
	List []part
}

func partFields(f *Fields, v *part) {
	String(f, 1, &v.Text)
	Structs(f, 2, &v.List, partFields)
}

type whole struct {
	Bool    bool
	Small   uint8
	Large   uint64
	Int     int
	Text    string
	Bytes   []byte
	Fixed   [3]byte
	Addr    netip.Addr
	Prefix  netip.Prefix
	Time    time.Time
	Part    part
	Pointer *part
	Parts   []part
	Texts   []string
	Ints    []int
	Bits    []uint32
}

func wholeFields(f *Fields, v *whole) {
	Bool(f, 1, &v.Bool)
	Uint(f, 2, &v.Small)
	Uint(f, 3, &v.Large)
	Int(f, 4, &v.Int)
	String(f, 5, &v.Text)
	Bytes(f, 6, &v.Bytes)
	Fixed(f, 7, v.Fixed[:])
	Addr(f, 8, &v.Addr)
	Prefix(f, 9, &v.Prefix)
	Time(f, 10, &v.Time)
	Struct(f, 11, &v.Part, partFields)
	Pointer(f, 12, &v.Pointer, partFields)
	Structs(f, 13, &v.Parts, partFields)
	Strings(f, 14, &v.Texts)
	Ints(f, 15, &v.Ints)
	Ints(f, 200, &v.Bits)
}

func example() whole {
	return whole{
		Bool: true, Small: 255, Large: math.MaxUint64, Int: math.MinInt64, Text: "text", Bytes: []byte{0}, Fixed: [3]byte{0, 1, 0},
		Addr: netip.MustParseAddr("fe80::1%eth0"), Prefix: netip.MustParsePrefix("192.0.2.0/24"), Time: time.Unix(1, 2).UTC(),
		Part: part{List: make([]part, 2)}, Pointer: &part{}, Parts: []part{{}, {Text: "a", List: []part{{Text: "b"}}}},
		Texts: []string{"", "c"}, Ints: []int{0, -1, math.MaxInt64}, Bits: []uint32{math.MaxUint32},
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	var f Fields
	var b []byte
	list := []whole{{}, example(), {Addr: netip.MustParseAddr("192.0.2.1")}, {Part: part{Text: "x"}}}
	for i := range list {
		b = Append(&f, b, &list[i], wholeFields)
	}
	for i, want := range list {
		var got whole
		var err error
		if b, err = Read(&f, b, &got, wholeFields); err != nil {
			t.Fatal(i, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
	}
	if len(b) > 0 {
		t.Errorf("%d bytes are left", len(b))
	}
	if b := Append(&f, nil, &whole{}, wholeFields); len(b) != 1 {
		t.Errorf("zero takes %d bytes", len(b))
	}
}

// A reader of another version knows some fields only, and others.
func TestFieldsThatAreNotKnownAreLeftOut(t *testing.T) {
	var f Fields
	v := example()
	b := append(Append(&f, nil, &v, wholeFields), "behind"...)
	for first := range 16 {
		var got whole
		got.Int = 7
		rest, err := Read(&f, b, &got, func(f *Fields, v *whole) {
			if first <= 5 {
				String(f, 5, &v.Text)
			}
			Uint(f, 120, &v.Large) // which nobody wrote
			Ints(f, 200, &v.Bits)
		})
		want := whole{Int: 7, Bits: v.Bits}
		if first <= 5 {
			want.Text = v.Text
		}
		if err != nil || string(rest) != "behind" || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, %q, %+v", err, rest, got)
		}
	}
	if rest, err := Skip(&f, b); err != nil || string(rest) != "behind" {
		t.Errorf("%v, %q", err, rest)
	}
}

func TestWhatIsNoValueIsRefused(t *testing.T) {
	var f Fields
	v := example()
	b := Append(&f, nil, &v, wholeFields)
	for n := range b {
		if _, err := Read(&f, b[:n], new(whole), wholeFields); err == nil {
			t.Errorf("the first %d of %d bytes are taken", n, len(b))
		}
		if _, err := Skip(&f, b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are left out", n, len(b))
		}
	}
	head := func(no uint64, k kind) []byte { return binary.AppendUvarint(nil, no<<kindBits|uint64(k)) }
	for name, b := range map[string][]byte{
		"a number that is too large":      append(head(2, number), 0x80, 0x02, 0),
		"a field of another kind":         append(head(5, number), 1, 0),
		"a field of an unknown kind":      append(head(100, 7), 1, 0),
		"a field without a number":        append(head(0, text), 0, 0),
		"a count above what is there":     append(head(13, objects), 0xff, 0xff, 0xff, 0xff, 0x0f, 0),
		"a length above what is there":    append(head(5, text), 9, 'a', 0),
		"an address of five bytes":        append(head(8, text), 5, 1, 2, 3, 4, 5, 0),
		"bytes that are too few":          append(head(7, text), 2, 1, 2, 0),
		"a list of numbers that are none": append(head(200, numbers), 1, 1, 0),
	} {
		if _, err := Read(&f, b, new(whole), wholeFields); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	deep := strings.Repeat(string(head(100, object)), 1000000) + strings.Repeat("\x00", 1000001)
	if _, err := Skip(&f, []byte(deep)); err == nil {
		t.Error("structs that stand in each other a million times are left out")
	}
}

func TestFieldsThatAreOutOfOrderAreAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	var f Fields
	Append(&f, nil, &part{Text: "a"}, func(f *Fields, v *part) {
		String(f, 2, &v.Text)
		String(f, 2, &v.Text)
	})
}

func FuzzRead(f *testing.F) {
	v := example()
	var w Fields
	f.Add(Append(&w, nil, &v, wholeFields))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got, again whole
		var f Fields
		if _, err := Read(&f, b, &got, wholeFields); err != nil {
			return
		}
		if _, err := Read(&f, Append(&f, nil, &got, wholeFields), &again, wholeFields); err != nil {
			t.Errorf("what was read is not read again: %v", err)
		}
	})
}
