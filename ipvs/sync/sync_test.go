package sync

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// all reads every entry.
func all(t testing.TB, b []byte) (m Message, list []Entry) {
	t.Helper()
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for {
		var e Entry
		ok, err := m.Next(&e)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return m, list
		}
		list = append(list, e)
	}
}

// The datagrams below are those of a Linux 6.1.
var golden = map[string]struct {
	bytes string
	want  []string
}{
	"version 1": {
		"00070050 02010000" +
			"00060024 00000000 0001 9c41 0050 1f90 00000000 00000384 0a010002 0a010064 0a020002" +
			"00060024 00000100 0004 9c41 0050 1f90 00000000 00000078 0a010002 0a010064 0a020002",
		[]string{
			"TCP 10.1.0.2:40001 -> 10.1.0.100:80 -> 10.2.0.2:8080 ESTABLISHED NAT 900s",
			"TCP 10.1.0.2:40001 -> 10.1.0.100:80 -> 10.2.0.2:8080 FIN_WAIT NAT 120s inactive",
		},
	},
	"template": {
		"0007002c 01010000 00060024 00001100 0000 0000 0051 1f90 00000000 0000004d 0a010002 0a010064 0a020002",
		[]string{"TCP template 10.1.0.2:0 -> 10.1.0.100:81 -> 10.2.0.2:8080 NONE NAT 77s inactive"},
	},
	"IPv6": {
		"00070050 01010000 01060048 00000000 0001 9c43 0050 1f90 00000000 00000384" +
			"fd000001000000000000000000000002 fd000001000000000000000000000100 fd000002000000000000000000000002",
		[]string{"TCP [fd00:1::2]:40003 -> [fd00:1::100]:80 -> [fd00:2::2]:8080 ESTABLISHED NAT 900s"},
	},
	"version 0": {
		"02070034 0006 9c44 0050 1f90 0a010002 0a010064 0a020002 0000 0001" +
			"0006 9c44 0050 1f90 0a010002 0a010064 0a020002 0100 0004",
		[]string{
			"TCP 10.1.0.2:40004 -> 10.1.0.100:80 -> 10.2.0.2:8080 ESTABLISHED NAT",
			"TCP 10.1.0.2:40004 -> 10.1.0.100:80 -> 10.2.0.2:8080 FIN_WAIT NAT inactive",
		},
	},
}

func TestGolden(t *testing.T) {
	for name, g := range golden {
		t.Run(name, func(t *testing.T) {
			raw := unhex(t, g.bytes)
			m, list := all(t, raw)
			if m.SyncID != 7 || m.Count != len(g.want) {
				t.Errorf("id %d, %d entries", m.SyncID, m.Count)
			}
			var got []string
			for i := range list {
				got = append(got, list[i].String())
			}
			if d := cmp.Diff(g.want, got); d != "" {
				t.Error(d)
			}
			e, err := NewEncoder(m.Version, 7, 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range list {
				if err := e.Add(&list[i]); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(e.Message(), raw) {
				t.Errorf("encoded again:\n%x, was\n%x", e.Message(), raw)
			}
		})
	}
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// rich has everything that an entry can have.
func rich() Entry {
	return Entry{
		Protocol: UDP, Flags: Template | InSeq | OutSeq | Flags(TUN), State: 1,
		Client: addr("192.0.2.1:5060"), Virtual: addr("192.0.2.2:5061"), Dest: addr("192.0.2.3:5062"),
		FWMark: 0x01020304, Timeout: 77, In: Sequence{1, 2, 3}, Out: Sequence{4, 5, 0xffffffff},
		PEData: []byte("a84b4c76e66710@example"), PEName: []byte("sip"),
	}
}

func TestOptions(t *testing.T) {
	e, err := NewEncoder(1, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := rich()
	for range 2 { // the second begins after padding
		if err := e.Add(&want); err != nil {
			t.Fatal(err)
		}
	}
	_, list := all(t, e.Message())
	if len(list) != 2 {
		t.Fatalf("%d entries", len(list))
	}
	for i := range list {
		if d := cmp.Diff(want.String(), list[i].String()); d != "" {
			t.Error(d)
		}
	}
	if got, want := list[0].String(), `UDP template 192.0.2.1:5060 -> 192.0.2.2:5061 -> 192.0.2.3:5062 ASSURED TUN 77s mark 16909060`+
		` seq in 1+2/+3 out 4+5/-1 pe "sip" "a84b4c76e66710@example"`; got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	old, err := NewEncoder(0, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Add(&want); err == nil {
		t.Error("version 0 takes a persistence engine")
	}
	plain := want
	plain.FWMark, plain.PEData, plain.PEName, plain.Timeout = 0, nil, nil, 0
	if err := old.Add(&plain); err != nil {
		t.Fatal(err)
	}
	if _, list := all(t, old.Message()); len(list) != 1 || list[0].String() != plain.String() {
		t.Errorf("version 0: %v", list)
	}
}

func TestEncoderBounds(t *testing.T) {
	for _, n := range []int{79, MaxMessage + 1, -1} {
		if _, err := NewEncoder(1, 0, n); err == nil {
			t.Errorf("messages of %d bytes", n)
		}
	}
	if _, err := NewEncoder(2, 0, 0); err == nil {
		t.Error("version 2")
	}
	e, _ := NewEncoder(1, 0, 100)
	if e.Message() != nil {
		t.Error("a message of nothing")
	}
	x := Entry{Client: addr("192.0.2.1:1"), Virtual: addr("192.0.2.2:2"), Dest: addr("192.0.2.3:3")}
	if err := errors.Join(e.Add(&x), e.Add(&x)); err != nil {
		t.Fatal(err)
	}
	if err := e.Add(&x); !errors.Is(err, ErrFull) {
		t.Errorf("third entry of 36 bytes into 100: %v", err)
	}
	if m, list := all(t, e.Message()); m.Count != 2 || len(list) != 2 {
		t.Errorf("%d entries", len(list))
	}
	e.Reset()
	long := x
	long.PEName, long.PEData = []byte("sip"), make([]byte, 255)
	if err := e.Add(&long); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("an entry that fits into no message: %v", err)
	}
	mixed := x
	mixed.Dest = addr("[2001:db8::1]:3")
	flagged := x
	flagged.Flags = 0x40
	for _, bad := range []Entry{mixed, flagged, {}, {Client: x.Client}} {
		if err := e.Add(&bad); err == nil || errors.Is(err, ErrFull) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	e, _ = NewEncoder(1, 0, MaxMessage)
	for range 255 {
		if err := e.Add(&x); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Add(&x); !errors.Is(err, ErrFull) {
		t.Errorf("256 entries: %v", err)
	}
}

// TestRefused has what the kernel refuses, and how much of it.
func TestRefused(t *testing.T) {
	entry := "00060024 00000000 0001 9c41 0050 1f90 00000000 00000384 0a010002 0a010064 0a020002"
	with := func(size string, options string) string {
		return strings.Replace(entry, "0024", size, 1) + options
	}
	for name, c := range map[string]struct {
		entries string // after a good one
		count   int    // how many the header says, without the good one
		good    int    // how many are read, without it
		err     error
	}{
		"nothing more":             {"", 0, 0, nil},
		"one is missing":           {"", 1, 0, ErrMessage},
		"cut short":                {entry[:40], 1, 0, ErrMessage},
		"size 0":                   {with("0000", ""), 1, 0, ErrMessage},
		"size beyond the end":      {with("0028", ""), 1, 0, ErrMessage},
		"another version":          {with("1024", ""), 1, 0, ErrMessage},
		"another type":             {"02" + entry[2:], 1, 0, ErrMessage},
		"IPv6 too short":           {"01" + entry[2:], 1, 0, ErrMessage},
		"option of length 0":       {with("0028", "0200 0000"), 1, 0, ErrMessage},
		"option beyond the end":    {with("0028", "0203 4141"), 1, 0, ErrMessage},
		"half an option":           {with("0025", "02 000000"), 1, 0, ErrMessage},
		"short sequence data":      {with("0028", "0102 0000"), 1, 0, ErrMessage},
		"option twice":             {with("002a", "0201 41 0201 42 0000"), 1, 0, ErrMessage},
		"long engine's name":       {with("0037", "0311"+strings.Repeat("41", 17)+"00"), 1, 0, ErrMessage},
		"unknown option":           {with("0028", "0902 4141") + entry, 2, 1, ErrOption},
		"unknown optional option":  {with("0028", "4902 4141") + entry, 2, 2, nil},
		"optional bit on the name": {with("0028", "4302 4141") + entry, 2, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			raw := unhex(t, "00070000 00010000"+entry+c.entries)
			raw[2], raw[3], raw[4] = byte(len(raw)>>8), byte(len(raw)), byte(c.count+1)
			m, err := Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			good, failed := 0, error(nil)
			for range 10 {
				var e Entry
				ok, err := m.Next(&e)
				if err != nil {
					failed = err
					continue
				}
				if !ok {
					break
				}
				good++
			}
			if good != 1+c.good || !errors.Is(failed, c.err) || (failed == nil) != (c.err == nil) {
				t.Errorf("%d entries, error %v; want %d, %v", good, failed, 1+c.good, c.err)
			}
		})
	}
	for _, s := range []string{"", "000700", "01070005 0006", "00070009 01010000"} {
		if _, err := Parse(unhex(t, s)); !errors.Is(err, ErrMessage) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestNothingIsAllocatedPerEntry(t *testing.T) {
	enc, err := NewEncoder(1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := rich()
	if n := testing.AllocsPerRun(100, func() {
		enc.Reset()
		for enc.Add(&x) == nil {
		}
		_ = enc.Message()
	}); n != 0 {
		t.Errorf("encoding a message allocates %v times", n)
	}
	raw := enc.Message()
	if n := testing.AllocsPerRun(100, func() {
		m, err := Parse(raw)
		var e Entry
		for ok := err == nil; ok; {
			ok, err = m.Next(&e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("decoding a message allocates %v times", n)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		e    Entry
		want string
	}{
		{Entry{Protocol: TCP, State: 10}, "TCP SYNACK"},
		{Entry{Protocol: TCP, State: 11}, "TCP state 11"},
		{Entry{Protocol: UDP}, "UDP UDP"},
		{Entry{Protocol: SCTP, State: 8}, "SCTP ESTABLISHED"},
		{Entry{Protocol: 50, State: 1}, "protocol 50 state 1"},
		{Entry{Flags: Template, State: 2}, "any state 2"},
	} {
		if got := c.e.ProtocolName() + " " + c.e.StateName(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if got := strings.Join((NoOutput | NoPort | OnePacket | 0x60 | Flags(DR)).Names(), " "); got != "no-output no-client-port one-packet 0x60" {
		t.Error(got)
	}
	if got := Flags(7).Method().String(); got != "method 7" {
		t.Error(got)
	}
}

// FuzzParse: whatever is read can be written, and reads the same again.
func FuzzParse(f *testing.F) {
	for _, g := range golden {
		f.Add(unhex(f, g.bytes))
	}
	for version := range uint8(2) {
		enc, _ := NewEncoder(version, 9, 0)
		x := rich()
		if version == 0 {
			x.FWMark, x.PEData, x.PEName = 0, nil, nil
		}
		_ = enc.Add(&x)
		f.Add(bytes.Clone(enc.Message()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		enc, err := NewEncoder(m.Version, m.SyncID, MaxMessage)
		if err != nil {
			t.Fatal(err)
		}
		var read []string
		for calls := 0; ; calls++ {
			if calls > 256 {
				t.Fatal("a message without an end")
			}
			var e Entry
			ok, err := m.Next(&e)
			if errors.Is(err, ErrOption) {
				continue
			}
			if !ok {
				break
			}
			e.Flags &= wireFlags
			switch err := enc.Add(&e); {
			case err == nil:
				read = append(read, e.String())
			case !errors.Is(err, ErrFull): // the sequence data may be new
				t.Fatalf("%v: %v", e.String(), err)
			}
		}
		if enc.Message() == nil {
			return
		}
		_, list := all(t, enc.Message())
		var again []string
		for i := range list {
			again = append(again, list[i].String())
		}
		if d := cmp.Diff(read, again); d != "" {
			t.Error(d)
		}
	})
}
