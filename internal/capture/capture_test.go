package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// udp4 is a packet of IPv4 with so much of a UDP payload as a fragment holds.
func udp4(id uint16, at int, more bool, b []byte) []byte {
	ip := make([]byte, 20, 20+len(b))
	ip[0], ip[8], ip[9] = 0x45, 1, protoUDP
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(b)))
	binary.BigEndian.PutUint16(ip[4:], id)
	frag := uint16(at / 8)
	if more {
		frag |= 0x2000
	}
	binary.BigEndian.PutUint16(ip[6:], frag)
	copy(ip[12:], []byte{192, 0, 2, 1})
	copy(ip[16:], []byte{224, 0, 0, 81})
	return append(ip, b...)
}

func udpHeader(payload []byte) []byte {
	h := []byte{0x80, 0, 0x22, 0x90, byte((len(payload) + 8) >> 8), byte(len(payload) + 8), 0, 0}
	return append(h, payload...)
}

func udp6(next byte, ext, b []byte) []byte {
	ip := make([]byte, 40)
	ip[0], ip[6] = 0x60, next
	binary.BigEndian.PutUint16(ip[4:], uint16(len(ext)+len(b)))
	copy(ip[8:], netip.MustParseAddr("2001:db8::1").AsSlice())
	copy(ip[24:], netip.MustParseAddr("ff02::81").AsSlice())
	return append(append(ip, ext...), b...)
}

func TestFrames(t *testing.T) {
	payload := []byte("hello")
	four, six := udp4(1, 0, false, udpHeader(payload)), udp6(protoUDP, nil, udpHeader(payload))
	ether := func(kind ...byte) []byte { return append(make([]byte, 12), kind...) }
	for name, c := range map[string]struct {
		link LinkType
		data []byte
	}{
		"Ethernet":            {Ethernet, append(ether(8, 0), four...)},
		"padding":             {Ethernet, append(append(ether(8, 0), four...), make([]byte, 20)...)},
		"VLAN":                {Ethernet, append(ether(0x81, 0, 0, 5, 8, 0), four...)},
		"two VLANs":           {Ethernet, append(ether(0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd), six...)},
		"cooked":              {LinuxSLL, append(append(make([]byte, 14), 8, 0), four...)},
		"cooked 2":            {LinuxSLL2, append(append([]byte{0x86, 0xdd}, make([]byte, 18)...), six...)},
		"raw":                 {RawIP, six},
		"loopback":            {Null, append(make([]byte, 4), four...)},
		"IPv6 with a header":  {IPv6, udp6(0, []byte{protoUDP, 0, 1, 4, 0, 0, 0, 0}, udpHeader(payload))},
		"IPv6, one fragment":  {IPv6, udp6(44, []byte{protoUDP, 0, 0, 0, 0, 0, 0, 9}, udpHeader(payload))},
		"IPv4 with an option": {IPv4, slices.Concat([]byte{0x46, 0, 0, 37}, four[4:20], []byte{1, 1, 1, 0}, four[20:])},
	} {
		t.Run(name, func(t *testing.T) {
			var d Datagrams
			var got Datagram
			if !d.UDP(&Frame{Link: c.link, Data: c.data}, &got) {
				t.Fatal("no datagram")
			}
			if string(got.Payload) != "hello" || got.Length != 5 || got.Src.Port() != 32768 || got.Dst.Port() != 8848 {
				t.Errorf("%+v", got)
			}
			// However much of it is missing, nothing bad happens.
			for n := range c.data {
				if d.UDP(&Frame{Link: c.link, Data: c.data[:n]}, &got) && got.Length != 5 {
					t.Errorf("%d bytes of the frame make %+v", n, got)
				}
			}
		})
	}
}

func TestFragments(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 4)
	whole := udpHeader(payload) // 72 bytes
	var d Datagrams
	var got Datagram
	feed := func(f []byte) bool { return d.UDP(&Frame{Link: RawIP, Data: f}, &got) }
	if feed(udp4(7, 0, true, whole[:32])) || feed(udp4(8, 0, true, whole[:40])) || feed(udp4(7, 32, true, whole[32:48])) {
		t.Error("a datagram before its end")
	}
	if !feed(udp4(7, 48, false, whole[48:])) || !bytes.Equal(got.Payload, payload) {
		t.Errorf("%+v", got)
	}
	if !feed(udp4(8, 40, false, whole[40:])) || !bytes.Equal(got.Payload, payload) {
		t.Errorf("%+v", got)
	}
	if feed(udp4(9, 40, false, whole[40:])) || d.Fragments != 1 {
		t.Errorf("an end without a beginning: %d", d.Fragments)
	}
	frag6 := func(at int, more byte, b []byte) []byte {
		return udp6(44, []byte{protoUDP, 0, byte(at >> 8), byte(at) | more, 0, 0, 0, 3}, b)
	}
	if feed(frag6(0, 1, whole[:40])) || !feed(frag6(40, 0, whole[40:])) || !bytes.Equal(got.Payload, payload) {
		t.Errorf("%+v", got)
	}
	for i := range 10 * maxPartial {
		feed(udp4(uint16(i), 0, true, whole[:32]))
	}
	if len(d.partial) != maxPartial {
		t.Errorf("%d half datagrams are kept", len(d.partial))
	}
}

// file writes captures by hand.
type file struct {
	bytes.Buffer
	order binary.AppendByteOrder
}

func (f *file) u32(list ...uint32) *file {
	for _, v := range list {
		f.Write(f.order.AppendUint32(nil, v))
	}
	return f
}

func (f *file) block(kind uint32, body []byte) *file {
	body = append(body, make([]byte, -len(body)&3)...)
	f.u32(kind, uint32(len(body)+12))
	f.Write(body)
	return f.u32(uint32(len(body) + 12))
}

func (f *file) body(list ...any) []byte {
	g := &file{order: f.order}
	for _, v := range list {
		switch v := v.(type) {
		case int:
			g.u32(uint32(v))
		case []byte:
			g.Write(v)
		}
	}
	return g.Bytes()
}

// captures have one frame "abcde", at 1000000001.5 s but for a simple block.
func captures() map[string][]byte {
	out := map[string][]byte{}
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		frame := []byte("abcde")
		f := &file{order: order}
		f.u32(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1, 1000000001, 500000, 5, 9)
		f.Write(frame)
		out["pcap "+name] = f.Bytes()
		f = &file{order: order}
		f.u32(0xa1b23c4d, 0x00040002, 0, 0, 65535, 1, 1000000001, 500000000, 5, 5)
		f.Write(frame)
		out["pcap of nanoseconds "+name] = f.Bytes()

		section := func() *file {
			f := &file{order: order}
			return f.block(blockSection, f.body(orderMagic, 0x00000001, -1, -1)).block(99, []byte("unknown!"))
		}
		us := uint64(1000000001500000)
		link := f.body(1)
		if name == "big" {
			link = f.body(1 << 16)
		}
		f = section()
		f.block(blockInterface, f.body(link, 0)).block(blockEnhanced, f.body(0, int(us>>32), int(us&0xffffffff), 5, 9, frame))
		out["pcapng "+name] = f.Bytes()
		// Times in 1/1024 s, counted from 1000000000 s.
		opt := order.AppendUint16(nil, optTSResol)
		opt = append(order.AppendUint16(opt, 1), 0x8a, 0, 0, 0)
		opt = order.AppendUint16(opt, optTSOffset)
		opt = order.AppendUint64(order.AppendUint16(opt, 8), 1000000000)
		f = section()
		f.block(blockInterface, f.body(link, 0, opt, 0)).block(blockEnhanced, f.body(0, 0, 1024+512, 5, 9, frame))
		out["pcapng with options "+name] = f.Bytes()
		f = section()
		f.block(blockInterface, f.body(link, 5)).block(blockSimple, f.body(9, frame))
		out["pcapng simple "+name] = f.Bytes()
	}
	return out
}

func TestFiles(t *testing.T) {
	for name, b := range captures() {
		t.Run(name, func(t *testing.T) {
			f, err := Open(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			var fr Frame
			if err := f.Next(&fr); err != nil {
				t.Fatal(err)
			}
			if string(fr.Data) != "abcde" || fr.Link != Ethernet {
				t.Errorf("%+v", fr)
			}
			if want := time.Unix(1000000001, 500000000); !fr.At.Equal(want) && !strings.Contains(name, "simple") {
				t.Errorf("at %v, want %v", fr.At, want)
			}
			if err := f.Next(&fr); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			for n := range len(b) { // a prefix is an error or ends before the frame
				f, err := Open(bytes.NewReader(b[:n]))
				for err == nil {
					err = f.Next(&fr)
				}
				if err != io.EOF && !errors.Is(err, ErrFormat) {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
		})
	}
	if _, err := Open(strings.NewReader("text, and no capture")); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
	f := &file{order: binary.LittleEndian}
	f.u32(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1, 0, 0, 0xffffffff, 0)
	c, err := Open(&f.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Next(new(Frame)); !errors.Is(err, ErrFormat) {
		t.Errorf("a record of 4 GiB: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, b := range captures() {
		f.Add(b)
	}
	real, _ := filepath.Glob("../../ipvs/sync/testdata/*.pcap*")
	for _, path := range real {
		if b, err := os.ReadFile(path); err == nil && len(b) < 1<<16 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		var d Datagrams
		for range 1 + len(b) {
			var fr Frame
			if err := c.Next(&fr); err != nil {
				return
			}
			var got Datagram
			if d.UDP(&fr, &got) && len(got.Payload) > got.Length {
				t.Fatalf("%+v", got)
			}
		}
		t.Fatal("more frames than bytes")
	})
}
