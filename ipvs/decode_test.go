package ipvs

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"
	"pgregory.net/rapid"
)

// asAnswer is the message as the kernel would send it back: without the
// generic netlink header.
func asAnswer(t testing.TB, op Op) []byte {
	t.Helper()
	b, err := appendOp(nil, op)
	if err != nil {
		t.Fatal(err)
	}
	return b[4:]
}

// Whatever is written can be read.
func TestServiceRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := Service{
			Scheduler: rapid.StringMatching(`[a-z]{1,15}`).Draw(r, "scheduler"),
			Flags:     Flags(rapid.Uint32().Draw(r, "flags")) &^ Hashed,
			Timeout:   rapid.Uint32().Draw(r, "timeout"),
			PE:        rapid.StringMatching(`[a-z]{0,15}`).Draw(r, "pe"),
		}
		s.Family = rapid.SampledFrom([]Family{INET, INET6}).Draw(r, "family")
		bits := 32
		if s.Family == INET6 {
			bits = 128
		}
		s.Netmask = PrefixMask(s.Family, rapid.IntRange(1, bits).Draw(r, "netmask"))
		if s.FWMark = rapid.Uint32Range(0, 2).Draw(r, "mark"); s.FWMark == 0 {
			raw := rapid.SliceOfN(rapid.Byte(), bits/8, bits/8).Draw(r, "address")
			s.Addr, _ = addrFrom(s.Family, raw)
			s.Port = rapid.Uint16().Draw(r, "port")
			s.Protocol = rapid.SampledFrom([]Protocol{TCP, UDP, SCTP}).Draw(r, "protocol")
		}
		got, err := decodeService(asAnswer(t, Op{Kind: AddService, Service: s}))
		if err != nil {
			r.Fatal(err)
		}
		if got.Service != s {
			r.Fatalf("read %v, wrote %v", got.Service, s)
		}
	})
}

func TestDaemonRoundTrip(t *testing.T) {
	for _, want := range []Daemon{
		{Role: SyncMaster, Interface: "eth0"},
		{Role: SyncBackup, Interface: "eth0", SyncID: 255, MaxLen: 1400, Group: dest(1, 1).Addr, Port: 9000, TTL: 3},
		Daemon{Role: SyncBackup, Interface: "eth0", Group: netip.MustParseAddr("ff02::81")}.withDefaults(),
	} {
		b, err := encode(nil, cmdNewDaemon, encodeDaemon(want))
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeDaemon(b[4:])
		if err != nil || got != want {
			t.Errorf("read %v, %v; wrote %v", got, err, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	s := service(1)
	s.Netmask = Mask{}
	if _, err := appendOp(nil, Op{Kind: AddService, Service: s}); err == nil {
		t.Error("a service without a netmask was encoded")
	}
	if _, err := appendOp(nil, Op{Kind: 99}); err == nil {
		t.Error("an unknown operation was encoded")
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := asAnswer(t, Op{Kind: AddService, Service: service(1)})
	if _, err := decodeService(good); err != nil {
		t.Fatal(err)
	}
	nest := func(f func(*netlink.AttributeEncoder)) []byte {
		ae := netlink.NewAttributeEncoder()
		ae.Nested(attrService, func(ae *netlink.AttributeEncoder) error {
			f(ae)
			return nil
		})
		b, err := ae.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":    nil,
		"cut":        good[:len(good)-5],
		"empty nest": nest(func(*netlink.AttributeEncoder) {}),
		"family 0":   nest(func(ae *netlink.AttributeEncoder) { ae.Uint32(svcFWMark, 1); ae.Uint32(svcNetmask, 1) }),
		"no address": nest(func(ae *netlink.AttributeEncoder) { ae.Uint16(svcFamily, 2); ae.Uint32(svcNetmask, 1) }),
		"short address": nest(func(ae *netlink.AttributeEncoder) {
			ae.Uint16(svcFamily, 10)
			ae.Bytes(svcAddr, make([]byte, 4))
			ae.Uint32(svcNetmask, 1)
		}),
		"no netmask": nest(func(ae *netlink.AttributeEncoder) { ae.Uint16(svcFamily, 2); ae.Uint32(svcFWMark, 1) }),
		"netmask /200": nest(func(ae *netlink.AttributeEncoder) {
			ae.Uint16(svcFamily, 10)
			ae.Uint32(svcFWMark, 1)
			ae.Uint32(svcNetmask, 200)
		}),
		"short port": nest(func(ae *netlink.AttributeEncoder) {
			ae.Uint16(svcFamily, 2)
			ae.Bytes(svcAddr, []byte{1})
			ae.Uint32(svcNetmask, 1)
		}),
	} {
		if s, err := decodeService(b); err == nil {
			t.Errorf("%s: decoded to %v", name, s.Service)
		}
	}
}

// FuzzDecode feeds the decoders whatever a kernel could send. What can be
// decoded can be written and read again.
func FuzzDecode(f *testing.F) {
	for _, e := range []Entry{entry(1), {Service: Service{
		ServiceKey: MarkKey(INET6, 5), Scheduler: "sh", Flags: Persistent | Sched1, Timeout: 9,
		Netmask: PrefixMask(INET6, 64), PE: "sip",
	}}} {
		f.Add(asAnswer(f, Op{Kind: AddService, Service: e.Service}))
		f.Add(asAnswer(f, Op{Kind: AddDest, Service: e.Service, Dest: dest(1, 1)}))
	}
	b, err := encode(nil, cmdNewDaemon, encodeDaemon(Daemon{Role: SyncMaster, Interface: "eth0", SyncID: 1}.withDefaults()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeService(b); err == nil {
			_ = s.Service.String()
			again, err := appendOp(nil, Op{Kind: AddService, Service: s.Service})
			if err != nil {
				t.Fatalf("decoded %v, which cannot be encoded: %v", s.Service, err)
			}
			got, err := decodeService(again[4:])
			if err != nil || got.Service != s.Service {
				t.Fatalf("decoded %v, then %v, %v", s.Service, got.Service, err)
			}
		}
		if d, err := decodeDaemon(b); err == nil {
			again, err := encode(nil, cmdNewDaemon, encodeDaemon(d))
			if err != nil {
				t.Fatalf("decoded %v, which cannot be encoded: %v", d, err)
			}
			if got, err := decodeDaemon(again[4:]); err != nil || d.Interface != "" && got != d {
				t.Fatalf("decoded %v, then %v, %v", d, got, err)
			}
		}
	})
}

func TestErrNoIPVSIsNamed(t *testing.T) {
	if err := wrap("open", ErrNoIPVS); !errors.Is(err, ErrNoIPVS) || err.Error() != "ipvs: open: the kernel has no IPVS (module ip_vs)" {
		t.Error(err)
	}
}

// A table of 30,000 servers is as many messages.
func TestWritingAllocatesNothing(t *testing.T) {
	b := batch{buf: make([]byte, 0, 1<<12)}
	op := Op{Kind: AddDest, Service: service(1), Dest: dest(1, 1)}
	op.Dest.Method, op.Dest.TunType, op.Dest.TunPort = Tunnel, GUE, 6080
	for _, op.Kind = range []OpKind{AddService, EditDest, DelDest} {
		if n := testing.AllocsPerRun(100, func() {
			b.buf, b.count = b.buf[:0], 0
			if err := b.add(func(buf []byte) ([]byte, error) { return appendOp(buf, op) }); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%v: %v allocations", op, n)
		}
	}
}
