package ipvs

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// SyncSocket is the socket of one thread of a connection-sync daemon: what
// there is to be known of its work, for the kernel counts no messages.
type SyncSocket struct {
	Role    SyncRole
	Port    uint16     // that is sent to, or received on
	Source  netip.Addr // of a master: what it sends from; unspecified: it had no address when it was started
	Waiting uint32     // bytes that are still to be sent, or to be read by the thread
	Dropped uint64     // of a backup: datagrams for which there was no room
}

// maxSyncPorts is the most threads that a daemon has (IPVS_SYNC_PORTS_MAX).
const maxSyncPorts = 64

// parseSyncSockets finds the sockets of the daemons in /proc/net/udp or
// /proc/net/udp6. A socket of somebody else that receives on the group's
// address and port, or sends there, is taken for one of theirs.
func parseSyncSockets(r io.Reader, daemons []Daemon) ([]SyncSocket, error) {
	var list []SyncSocket
	s := bufio.NewScanner(r)
	s.Scan() // the names of the columns
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) < 13 {
			continue
		}
		local, ok1 := parseProcAddr(f[1])
		remote, ok2 := parseProcAddr(f[2])
		sent, read, ok3 := strings.Cut(f[4], ":")
		if !ok1 || !ok2 || !ok3 {
			continue
		}
		for _, d := range daemons {
			end, queue := remote, sent
			if d.Role == SyncBackup {
				end, queue = local, read
			}
			if end.Addr() != d.Group || end.Port() < d.Port || int(end.Port()) >= int(d.Port)+maxSyncPorts {
				continue
			}
			x := SyncSocket{Role: d.Role, Port: end.Port()}
			if d.Role == SyncMaster {
				x.Source = local.Addr()
			}
			n, _ := strconv.ParseUint(queue, 16, 32)
			x.Waiting = uint32(n)
			x.Dropped, _ = strconv.ParseUint(f[12], 10, 64)
			list = append(list, x)
		}
	}
	return list, s.Err()
}

// parseProcAddr reads an address in /proc/net's form: words of 32 bits in the
// host's order, in hexadecimal, and the port.
func parseProcAddr(s string) (netip.AddrPort, bool) {
	a, p, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(a)
	port, perr := strconv.ParseUint(p, 16, 16)
	if !ok || err != nil || perr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(port)), ok
}

// SyncCounts is how many connections and templates this director knows, and
// from where.
type SyncCounts struct {
	Own     uint64 `json:"own"`     // made here
	Synced  uint64 `json:"synced"`  // learned from another director
	Partial bool   `json:"partial"` // there are more: counting took too long
}

// countOrigins counts the lines of /proc/net/ip_vs_conn_sync until enough says
// so.
func countOrigins(r io.Reader, enough func() bool) (c SyncCounts, err error) {
	s := bufio.NewScanner(r)
	s.Scan() // the names of the columns
	for n := 1; s.Scan(); n++ {
		// "TCP 0A010002 9C41 0A010064 0050 0A020002 1F90 ESTABLISHED LOCAL      899"
		f := strings.Fields(s.Text())
		if len(f) > 8 && f[8] == "SYNC" {
			c.Synced++
		} else {
			c.Own++
		}
		if n%1024 == 0 && enough() {
			c.Partial = true
			break
		}
	}
	return c, s.Err()
}
