package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
	"holdfast/ipvs"
)

func TestAddresses(t *testing.T) {
	got, err := addresses([]string{"192.0.2.10", "192.0.2.11/32", "2001:db8::1/128", "::ffff:192.0.2.12"})
	want := []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.12")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "192.0.2.10/24", "web1", "fe80::1%eth0"} {
		if _, err := addresses([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestServiceFlags(t *testing.T) {
	for _, c := range []struct {
		flags serviceFlags
		want  string
	}{
		{serviceFlags{}, "[]"},
		{serviceFlags{tcp: "192.0.2.1:80"}, "[[192.0.2.1]:tcp:80]"},
		{serviceFlags{udp: "[2001:db8::1]:53"}, "[[2001:db8::1]:udp:53]"},
		{serviceFlags{sctp: "192.0.2.1:9"}, "[[192.0.2.1]:sctp:9]"},
		{serviceFlags{fwmark: "3", ipv6: true}, "[FWM 3]"},
	} {
		keys, err := c.flags.key()
		got := "[]"
		if len(keys) > 0 {
			got = "[" + keys[0].String() + "]"
		}
		if err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c.flags, got, err)
		}
	}
	for _, bad := range []serviceFlags{{tcp: "192.0.2.1:80", fwmark: "3"}, {fwmark: "0"}, {ipv6: true}, {tcp: "192.0.2.1:x"}} {
		if _, err := bad.key(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestOwnedServices asks a daemon; the services that a group stands for count.
func TestOwnedServices(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	st, err := json.Marshal(control.LVS{Status: lvs.Status{Services: []lvs.ServiceStatus{
		{Name: "[192.0.2.1]:tcp:80"}, {Name: "group", Members: []lvs.MemberStatus{{Name: "FWM 7"}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	go control.Serve(l.(*net.UnixListener), func(control.Request) (any, error) { return control.Status{LVS: st}, nil })
	kept, err := keptBy(socket)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[ipvs.ServiceKey]bool{
		ipvs.AddrKey(ipvs.TCP, netip.MustParseAddr("192.0.2.1"), 80): true,
		ipvs.AddrKey(ipvs.UDP, netip.MustParseAddr("192.0.2.1"), 80): false,
		ipvs.MarkKey(ipvs.INET, 7):                                   true,
		ipvs.MarkKey(ipvs.INET, 8):                                   false,
	} {
		if kept.Service(k) != want {
			t.Errorf("%v: %v", k, !want)
		}
	}
}

// TestWatched runs until it is interrupted, and ends with the first error.
func TestWatched(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	var out bytes.Buffer
	cmd.SetOut(&out)
	n := 0
	if err := watched(cmd, time.Nanosecond, func(w io.Writer) error {
		if n++; n == 3 {
			cancel()
		}
		_, err := io.WriteString(w, "x\n")
		return err
	}); err != nil || !strings.HasPrefix(out.String(), "x\n\nx\n\nx\n") {
		t.Errorf("%v\n%q", err, out.String())
	}
	broken := errors.New("broken")
	cmd.SetContext(t.Context())
	if err := watched(cmd, time.Nanosecond, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// A number below 0 looks like a flag.
func TestSetRefusesWhatIsBelow0(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"real_server all 198.51.100.7 weight -1", "-1: a weight and a time are not below 0"},
		{"virtual_server 192.0.2.1:80 drain -5m --keep", "-5m: a weight and a time are not below 0"},
		{"virtual_server 192.0.2.1:80 weight -- -1", `weight "-1": a number from 0 to 65535 is wanted`},
		{"virtual_server 192.0.2.1:80 drain -x", "unknown shorthand flag: 'x' in -x"},
		{"virtual_server 192.0.2.1:80 drain --kept", "unknown flag: --kept"},
	} {
		cmd := newRoot()
		cmd.SetArgs(append([]string{"set"}, strings.Fields(c.args)...))
		if err := cmd.Execute(); err == nil || err.Error() != c.want {
			t.Errorf("set %s: %v, want %s", c.args, err, c.want)
		}
	}
}
