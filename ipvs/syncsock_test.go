package ipvs

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

const procUDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1397: 00000000:9B72 510000E0:2290 01 00000010:00000000 00:00000000 00000000     0        0 128 2 0000000086c03682 0
 1629: 0100000A:DC5A 510000E0:2291 01 00000000:00000000 00:00000000 00000000     0        0 159 2 000000001336ec99 0
 1038: 510000E0:2290 00000000:0000 07 00000000:00000A00 00:00000000 00000000     0        0 172 2 000000009ec90ac3 17
 1040: 510000E0:22D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 172 2 000000009ec90ac3 0
 1041: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 172 2 000000009ec90ac3 0
garbage
 1: zz:1 00000000:0000 07 0:0 0 0 0 0 0 0 0 0 0
`

const procUDP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1107: 000080FE00000000FF14DBEC331336FE:B2D5 000002FF000000000000000081000000:2290 01 00000000:00000000 00:00000000 00000000     0        0 670 2 00000000dc63e8ff 0
`

func TestSyncSockets(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the text is that of a little-endian machine")
	}
	master := Daemon{Role: SyncMaster}.withDefaults()
	backup := Daemon{Role: SyncBackup}.withDefaults()
	six := Daemon{Role: SyncMaster, Group: netip.MustParseAddr("ff02::81")}.withDefaults()
	got, err := parseSyncSockets(strings.NewReader(procUDP), []Daemon{master, backup, six})
	want := []SyncSocket{
		{Role: SyncMaster, Port: 8848, Source: netip.MustParseAddr("0.0.0.0"), Waiting: 16},
		{Role: SyncMaster, Port: 8849, Source: netip.MustParseAddr("10.0.0.1")},
		{Role: SyncBackup, Port: 8848, Waiting: 2560, Dropped: 17},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v, want\n%+v", got, err, want)
	}
	got, err = parseSyncSockets(strings.NewReader(procUDP6), []Daemon{master, six})
	want = []SyncSocket{{Role: SyncMaster, Port: 8848, Source: netip.MustParseAddr("fe80::ecdb:14ff:fe36:1333")}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v, want\n%+v", got, err, want)
	}
}

func TestCountOrigins(t *testing.T) {
	const text = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires
TCP 0A010002 9C41 0A010064 0050 0A020002 1F90 ESTABLISHED LOCAL      899
TCP 0A010002 0000 0A010064 0050 0A020002 1F90 NONE        SYNC       77
TCP [fd00:1::2]:9c43 nonsense
`
	c, err := countOrigins(strings.NewReader(text), func() bool { return false })
	if err != nil || c != (SyncCounts{Own: 2, Synced: 1}) {
		t.Errorf("%+v, %v", c, err)
	}
	long := strings.Repeat("TCP 0A010002 9C41 0A010064 0050 0A020002 1F90 ESTABLISHED SYNC      899\n", 5000)
	c, err = countOrigins(strings.NewReader("Pro\n"+long), func() bool { return true })
	if err != nil || c != (SyncCounts{Synced: 1024, Partial: true}) {
		t.Errorf("%+v, %v", c, err)
	}
}
