package ipvs_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/ipvs"
)

const connSync = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires
TCP CB007109 9C41 C0000201 0050 C6336401 1F90 ESTABLISHED LOCAL      899
TCP 2001:0db8:0000:0000:0000:0000:0000:0009 9C41 2001:0db8:0000:0000:0000:0000:0000:0001 0050 2001:0db8:0000:0000:0000:0000:0000:0002 0050 FIN_WAIT    SYNC        12
TCP 20010db8000000000000000000000009 0050 0 0 0 0 X LOCAL 1
`

func TestConnections(t *testing.T) {
	at := netip.MustParseAddrPort
	read := func(text string) (all []ipvs.Connection, failed error) {
		for c, err := range ipvs.ParseConnections(strings.NewReader(text)) {
			if err != nil {
				return all, err
			}
			all = append(all, c)
		}
		return all, nil
	}
	compare := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	got, err := read(connSync)
	if err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("a bad line: %v", err)
	}
	want := []ipvs.Connection{
		{
			Protocol: "TCP", Client: at("203.0.113.9:40001"), Virtual: at("192.0.2.1:80"), Dest: at("198.51.100.1:8080"),
			State: "ESTABLISHED", Origin: "LOCAL", Expires: 899,
		},
		{
			Protocol: "TCP", Client: at("[2001:db8::9]:40001"), Virtual: at("[2001:db8::1]:80"), Dest: at("[2001:db8::2]:80"),
			State: "FIN_WAIT", Origin: "SYNC", Expires: 12,
		},
	}
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Error(diff)
	}
	for k, of := range map[ipvs.ServiceKey]bool{
		ipvs.AddrKey(ipvs.TCP, netip.MustParseAddr("192.0.2.1"), 80): true,
		ipvs.AddrKey(ipvs.TCP, netip.MustParseAddr("192.0.2.1"), 0):  true,
		ipvs.AddrKey(ipvs.UDP, netip.MustParseAddr("192.0.2.1"), 80): false,
		ipvs.AddrKey(ipvs.TCP, netip.MustParseAddr("192.0.2.1"), 81): false,
		ipvs.AddrKey(ipvs.TCP, netip.MustParseAddr("192.0.2.2"), 80): false,
		ipvs.MarkKey(ipvs.INET, 1):                                   false,
	} {
		if got[0].Of(k) != of {
			t.Errorf("of %v: %v", k, !of)
		}
	}
}

func FuzzConnections(f *testing.F) {
	f.Add(connSync)
	f.Fuzz(func(t *testing.T, text string) {
		for c, err := range ipvs.ParseConnections(strings.NewReader(text)) {
			if err == nil && !c.Client.Addr().IsValid() {
				t.Fatal("a connection without a client")
			}
		}
	})
}
