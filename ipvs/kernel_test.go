package ipvs_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/uml"
	"holdfast/ipvs"
)

var modules = uml.Options{Modules: []string{
	"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sh", "ip_vs_mh", "ip_vs_dh", "ip_vs_fo",
	"ip_vs_ovf", "ip_vs_sed", "ip_vs_nq", "ip_vs_lblc", "ip_vs_lblcr", "ip_vs_pe_sip", "dummy",
}}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func tcp(a string, port uint16) ipvs.Service {
	k := ipvs.AddrKey(ipvs.TCP, addr(a), port)
	return ipvs.Service{ServiceKey: k, Scheduler: "rr", Netmask: ipvs.FullMask(k.Family)}
}

func mark(f ipvs.Family, m uint32) ipvs.Service {
	return ipvs.Service{ServiceKey: ipvs.MarkKey(f, m), Scheduler: "rr", Netmask: ipvs.FullMask(f)}
}

func server(a string, m ipvs.Method) ipvs.Destination {
	return ipvs.Destination{DestKey: ipvs.DestKey{Addr: addr(a), Port: 80}, Method: m, Weight: 1}
}

func with[T any](v T, f func(*T)) T {
	f(&v)
	return v
}

// everyKind is a table with everything that a configuration can ask for.
func everyKind() ipvs.Table {
	t := ipvs.Table{
		{
			Service: tcp("192.0.2.1", 80),
			Dests: []ipvs.Destination{
				server("198.51.100.1", ipvs.DirectRoute),
				with(server("198.51.100.2", ipvs.Masquerade), func(d *ipvs.Destination) { d.Port = 8080; d.Weight = 65535 }),
				with(server("198.51.100.3", ipvs.Tunnel), func(d *ipvs.Destination) { d.Upper, d.Lower = 100, 50; d.Weight = 0 }),
				with(server("198.51.100.4", ipvs.Tunnel), func(d *ipvs.Destination) {
					d.TunType, d.TunPort, d.TunFlags = ipvs.GUE, 6080, 2
				}),
				with(server("198.51.100.5", ipvs.Tunnel), func(d *ipvs.Destination) { d.TunType, d.TunFlags = ipvs.GRE, 1 }),
				server("2001:db8::5", ipvs.Tunnel),
			},
		},
		{
			Service: with(tcp("192.0.2.1", 0), func(s *ipvs.Service) {
				s.Flags, s.Timeout, s.Netmask = ipvs.Persistent, 360, ipvs.PrefixMask(ipvs.INET, 24)
			}),
			Dests: []ipvs.Destination{with(server("198.51.100.1", ipvs.DirectRoute), func(d *ipvs.Destination) { d.Port = 0 })},
		},
		{
			Service: with(tcp("192.0.2.1", 53), func(s *ipvs.Service) { s.Protocol = ipvs.UDP; s.Flags = ipvs.OnePacket }),
		},
		{
			Service: with(tcp("192.0.2.1", 5060), func(s *ipvs.Service) {
				s.Protocol, s.PE, s.Flags, s.Timeout = ipvs.UDP, "sip", ipvs.Persistent, 60
			}),
		},
		{Service: with(tcp("192.0.2.1", 80), func(s *ipvs.Service) { s.Protocol = ipvs.SCTP })},
		{
			Service: with(tcp("2001:db8::1", 80), func(s *ipvs.Service) {
				s.Flags, s.Timeout, s.Netmask = ipvs.Persistent, 50, ipvs.PrefixMask(ipvs.INET6, 64)
			}),
			Dests: []ipvs.Destination{server("2001:db8::2", ipvs.DirectRoute), server("198.51.100.1", ipvs.Tunnel)},
		},
		{Service: mark(ipvs.INET, 1), Dests: []ipvs.Destination{server("198.51.100.1", ipvs.Masquerade)}},
		{Service: mark(ipvs.INET6, 1), Dests: []ipvs.Destination{server("2001:db8::2", ipvs.Masquerade)}},
	}
	for i, name := range []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "none"} {
		s := tcp("192.0.2.2", uint16(1000+i))
		s.Scheduler = name
		if name == "sh" || name == "mh" {
			s.Flags = ipvs.Sched1 | ipvs.Sched2
		}
		t = append(t, ipvs.Entry{Service: s, Dests: []ipvs.Destination{server("198.51.100.1", ipvs.DirectRoute)}})
	}
	t.Sort()
	return t
}

// kernelTests run against the fake and against Linux. Each starts with an
// empty table and no daemons.
var kernelTests = []struct {
	name string
	run  func(*testing.T, ipvs.Kernel)
}{
	{"every kind of service and destination comes back as written", func(t *testing.T, k ipvs.Kernel) {
		want := everyKind()
		apply(t, k, ipvs.Plan(nil, want, nil)...)
		got := table(t, k)
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("table (-want +got):\n%s", diff)
		}
		if ops := ipvs.Plan(got, want, nil); len(ops) != 0 {
			t.Errorf("second plan: %v", ops)
		}
	}},
	{"everything can be edited in place", func(t *testing.T, k ipvs.Kernel) {
		e := ipvs.Entry{Service: tcp("192.0.2.1", 80), Dests: []ipvs.Destination{server("198.51.100.1", ipvs.DirectRoute)}}
		apply(t, k, ipvs.Plan(nil, ipvs.Table{e}, nil)...)
		for _, f := range []func(){
			func() { e.Scheduler = "mh" },
			func() { e.Flags = ipvs.Sched1 | ipvs.Sched3 },
			func() { e.Flags, e.Timeout, e.Netmask = ipvs.Persistent, 99, ipvs.PrefixMask(ipvs.INET, 8) },
			func() { e.PE = "sip" },
			func() { e.PE = "" },
			func() { e.Flags, e.Timeout, e.Netmask = 0, 0, ipvs.FullMask(ipvs.INET) },
			func() { e.Dests[0].Weight = 0 },
			func() { e.Dests[0].Upper = 9 },
			func() { e.Dests[0].Method = ipvs.Tunnel; e.Dests[0].TunType = ipvs.GRE },
			func() { e.Dests[0].Method = ipvs.Masquerade; e.Dests[0].TunType = ipvs.IPIP },
		} {
			f()
			want := ipvs.Table{e}
			have := table(t, k)
			apply(t, k, ipvs.Plan(have, want, nil)...)
			if got := table(t, k); !got.Equal(want) {
				t.Errorf("table is\n%swant\n%s", got, want)
			}
		}
	}},
	{"counters are zeroed for one service or all", func(t *testing.T, k ipvs.Kernel) {
		s := tcp("192.0.2.1", 80)
		apply(t, k, ipvs.Op{Kind: ipvs.AddService, Service: s})
		for _, key := range []ipvs.ServiceKey{s.ServiceKey, {}} {
			if err := k.Zero(key); err != nil {
				t.Errorf("zero %v: %v", key, err)
			}
		}
		if err := k.Zero(tcp("192.0.2.9", 80).ServiceKey); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("zero a missing service: %v", err)
		}
	}},
	{"what is as an operation wants it is no failure", func(t *testing.T, k ipvs.Kernel) {
		s, d := tcp("192.0.2.1", 80), server("198.51.100.1", ipvs.DirectRoute)
		op := func(kind ipvs.OpKind, s ipvs.Service, d ipvs.Destination) ipvs.Op {
			return ipvs.Op{Kind: kind, Service: s, Dest: d}
		}
		apply(t, k,
			op(ipvs.DelService, s, d), op(ipvs.DelDest, s, d),
			op(ipvs.AddService, s, d), op(ipvs.DelDest, s, d),
			op(ipvs.EditDest, s, d))
		d.Weight, s.Scheduler = 7, "wlc"
		// What else the service has, the caller has to look at.
		err := k.Apply([]ipvs.Op{op(ipvs.AddService, s, d), op(ipvs.AddDest, s, d)})
		if refused := new(ipvs.OpError); !errors.Is(err, ipvs.ErrFound) || errors.As(err, &refused) {
			t.Errorf("a service that is there: %v", err)
		}
		want := ipvs.Table{{Service: s, Dests: []ipvs.Destination{d}}}
		if got := table(t, k); !got.Equal(want) {
			t.Errorf("table is\n%swant\n%s", got, want)
		}
	}},
	{"refusals name their operation and stop nothing", func(t *testing.T, k ipvs.Kernel) {
		s := tcp("192.0.2.1", 80)
		apply(t, k, ipvs.Op{Kind: ipvs.AddService, Service: s})
		svc := func(kind ipvs.OpKind, f func(*ipvs.Service)) ipvs.Op {
			return ipvs.Op{Kind: kind, Service: with(s, f)}
		}
		dst := func(kind ipvs.OpKind, f func(*ipvs.Destination)) ipvs.Op {
			return ipvs.Op{Kind: kind, Service: s, Dest: with(server("198.51.100.1", ipvs.DirectRoute), f)}
		}
		tests := []struct {
			op   ipvs.Op
			want error
		}{
			{svc(ipvs.AddService, func(s *ipvs.Service) { s.Port = 81; s.Scheduler = "nosuch" }), syscall.ENOENT},
			{svc(ipvs.AddService, func(s *ipvs.Service) { s.Port = 82; s.PE = "nosuch" }), syscall.ENOENT},
			{svc(ipvs.EditService, func(s *ipvs.Service) { s.Port = 83 }), syscall.ESRCH},
			{svc(ipvs.EditService, func(s *ipvs.Service) { s.Scheduler = "nosuch" }), syscall.ENOENT},
			{svc(ipvs.AddService, func(s *ipvs.Service) { s.Family = 99 }), syscall.EAFNOSUPPORT},
			{svc(ipvs.AddService, func(s *ipvs.Service) {
				*s = tcp("2001:db8::1", 80)
				s.Netmask = ipvs.PrefixMask(ipvs.INET6, 0)
			}), syscall.EINVAL},
			{dst(ipvs.AddDest, func(d *ipvs.Destination) { d.Lower = 5 }), syscall.ERANGE},
			{dst(ipvs.AddDest, func(d *ipvs.Destination) { d.Weight = 1 << 31 }), syscall.ERANGE},
			{dst(ipvs.AddDest, func(d *ipvs.Destination) { d.Addr = addr("224.0.0.1") }), syscall.EINVAL},
			{dst(ipvs.AddDest, func(d *ipvs.Destination) { d.Addr = addr("2001:db8::2") }), syscall.EINVAL},
			{dst(ipvs.AddDest, func(d *ipvs.Destination) { d.Method, d.TunType = ipvs.Tunnel, ipvs.GUE }), syscall.EINVAL},
			{with(dst(ipvs.AddDest, func(*ipvs.Destination) {}), func(o *ipvs.Op) { o.Service.Port = 99 }), syscall.ESRCH},
			{with(dst(ipvs.EditDest, func(*ipvs.Destination) {}), func(o *ipvs.Op) { o.Service.Port = 99 }), syscall.ESRCH},
		}
		var ops []ipvs.Op
		for i, tt := range tests {
			good := ipvs.Op{Kind: ipvs.AddDest, Service: s, Dest: server(fmt.Sprintf("198.51.100.%d", 100+i), ipvs.DirectRoute)}
			ops = append(ops, tt.op, good)
		}
		err := k.Apply(ops)
		if err == nil {
			t.Fatal("no error")
		}
		var failed []*ipvs.OpError
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			var oe *ipvs.OpError
			if !errors.As(e, &oe) {
				t.Fatalf("%v is no OpError", e)
			}
			failed = append(failed, oe)
		}
		for _, tt := range tests {
			i := slices.IndexFunc(failed, func(e *ipvs.OpError) bool { return e.Op == tt.op })
			switch {
			case i < 0:
				t.Errorf("%s: no error, want %v", tt.op, tt.want)
			case !errors.Is(failed[i], tt.want):
				t.Errorf("%v, want %v", failed[i], tt.want)
			}
		}
		if len(failed) != len(tests) {
			t.Errorf("%d errors, want %d: %v", len(failed), len(tests), err)
		}
		got := table(t, k)
		if len(got) != 1 || len(got[0].Dests) != len(tests) {
			t.Errorf("table is\n%s", got)
		}
	}},
	{"a batch of which everything fails reports everything", func(t *testing.T, k ipvs.Kernel) {
		var ops []ipvs.Op
		for i := range 1000 {
			ops = append(ops, ipvs.Op{Kind: ipvs.EditService, Service: tcp("192.0.2.1", uint16(i+1))})
		}
		err := k.Apply(ops)
		if n := len(err.(interface{ Unwrap() []error }).Unwrap()); n != len(ops) {
			t.Errorf("%d errors, want %d", n, len(ops))
		}
		// The connection is whole: the next answer belongs to the next request.
		apply(t, k, ipvs.Op{Kind: ipvs.AddService, Service: tcp("192.0.2.1", 80)})
		if got := table(t, k); len(got) != 1 {
			t.Errorf("table is\n%s", got)
		}
	}},
	{"flush", func(t *testing.T, k ipvs.Kernel) {
		apply(t, k, ipvs.Plan(nil, everyKind(), nil)...)
		if err := k.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := table(t, k); len(got) != 0 {
			t.Errorf("table is\n%s", got)
		}
	}},
	{"timeouts", func(t *testing.T, k ipvs.Kernel) {
		before := ipvs.Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute}
		check := func(want ipvs.Timeouts) {
			t.Helper()
			if got, err := k.Timeouts(); err != nil || got != want {
				t.Errorf("timeouts are %v, %v; want %v", got, err, want)
			}
		}
		check(before)
		if err := k.SetTimeouts(ipvs.Timeouts{TCP: time.Minute, UDP: 1500 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		check(ipvs.Timeouts{TCP: time.Minute, TCPFin: 2 * time.Minute, UDP: time.Second})
		if err := k.SetTimeouts(ipvs.Timeouts{UDP: -time.Second}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("negative timeout: %v", err)
		}
		if err := k.SetTimeouts(before); err != nil {
			t.Fatal(err)
		}
		check(before)
	}},
	{"sync daemons", func(t *testing.T, k ipvs.Kernel) {
		master := ipvs.Daemon{Role: ipvs.SyncMaster, Interface: "dummy0", SyncID: 7}
		backup := ipvs.Daemon{
			Role: ipvs.SyncBackup, Interface: "dummy0", SyncID: 8, MaxLen: 1400,
			Group: addr("224.0.0.99"), Port: 9000, TTL: 3,
		}
		start := func(d ipvs.Daemon, want error) {
			t.Helper()
			if err := k.StartDaemon(d); !errors.Is(err, want) {
				t.Errorf("start %v: %v, want %v", d, err, want)
			}
		}
		start(with(master, func(d *ipvs.Daemon) { d.Interface = "" }), syscall.EINVAL)
		start(with(master, func(d *ipvs.Daemon) { d.Interface = "nosuch0" }), syscall.ENODEV)
		start(master, nil)
		start(master, syscall.EEXIST)
		start(backup, nil)
		got, err := k.Daemons()
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b ipvs.Daemon) int { return int(a.Role) - int(b.Role) })
		master.Group, master.Port, master.TTL, master.MaxLen = addr("224.0.0.81"), 8848, 1, 1472
		if !slices.Equal(got, []ipvs.Daemon{master, backup}) {
			t.Errorf("daemons are %v\nwant %v", got, []ipvs.Daemon{master, backup})
		}
		mixed := ipvs.Table{{Service: tcp("192.0.2.1", 80), Dests: []ipvs.Destination{server("2001:db8::2", ipvs.Tunnel)}}}
		if err := k.Apply(ipvs.Plan(nil, mixed, nil)); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("mixed families while a daemon runs: %v", err)
		}
		for _, want := range []error{nil, syscall.ESRCH} {
			if err := k.StopDaemon(ipvs.SyncMaster); !errors.Is(err, want) {
				t.Errorf("stop: %v, want %v", err, want)
			}
		}
		if err := k.StopDaemon(ipvs.SyncBackup); err != nil {
			t.Error(err)
		}
		apply(t, k, ipvs.Plan(table(t, k), mixed, nil)...)
		start(backup, syscall.EINVAL)
		if got, err := k.Daemons(); err != nil || len(got) != 0 {
			t.Errorf("daemons are %v, %v", got, err)
		}
	}},
}

func apply(t *testing.T, k ipvs.Kernel, ops ...ipvs.Op) {
	t.Helper()
	if err := k.Apply(ops); err != nil {
		t.Fatal(err)
	}
}

func table(t *testing.T, k ipvs.Kernel) ipvs.Table {
	t.Helper()
	tab, err := k.Table()
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestFake(t *testing.T) {
	for _, tt := range kernelTests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, &ipvs.Fake{Interfaces: []string{"dummy0"}}) })
	}
}
