package show

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
)

// TestPeersAndPaths: what is special about a peer, and the ways of adverts.
func TestPeersAndPaths(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	in := &control.Instance{
		Policy: control.Policy{AdvertInt: 1},
		Master: &control.Peer{Addr: netip.MustParseAddr("192.0.2.1")},
		Peers: []control.Peer{
			{Addr: netip.MustParseAddr("192.0.2.1"), Agrees: true, AdvertInt: 1, Checksum: "pseudo-header"},
			{Addr: netip.MustParseAddr("198.51.100.1"), Path: "eth1", Signed: true, Checksum: "message", AdvertInt: 0.5, LastHeard: now.Add(-time.Second)},
		},
		Paths: []control.Path{
			{Interface: "eth0", Up: true, Silent: true},
			{Interface: "eth1", Up: true, LastHeard: now.Add(-time.Second)},
			{Interface: "eth2", Error: "the interface does not exist"},
		},
	}
	var b strings.Builder
	renderPeers(fieldTo(&b), in, now)
	want := `  peer         198.51.100.1, priority 0, last heard 1s ago, on eth1, signed, checksum message, advert_int 500ms, lists other addresses
  advert path  eth0 SILENT, while adverts come on another path, nothing heard
  advert path  eth1 up, last heard 1s ago
  advert path  eth2 down (the interface does not exist), nothing heard
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
