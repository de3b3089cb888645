package ipvs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SyncSockets lists the sockets of running daemons in the calling thread's
// network namespace.
func SyncSockets(daemons []Daemon) ([]SyncSocket, error) {
	var list []SyncSocket
	for _, path := range []string{"/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"} {
		f, err := os.Open(path)
		if os.IsNotExist(err) {
			continue // without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("ipvs: sync sockets: %w", err)
		}
		more, err := parseSyncSockets(f, daemons)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("ipvs: sync sockets: %w", err)
		}
		list = append(list, more...)
	}
	return list, nil
}

// countTime is how long counting connections may take: the kernel has to walk
// its whole table.
const countTime = 250 * time.Millisecond

// CountSynced counts connections by where they were made. It takes a quarter
// of a second at most.
func CountSynced() (SyncCounts, error) {
	f, err := os.Open("/proc/thread-self/net/ip_vs_conn_sync")
	if err != nil {
		return SyncCounts{}, fmt.Errorf("ipvs: connections: %w", err)
	}
	defer f.Close()
	end := time.Now().Add(countTime)
	c, err := countOrigins(f, func() bool { return time.Now().After(end) })
	if err != nil {
		return c, fmt.Errorf("ipvs: connections: %w", err)
	}
	return c, nil
}

// settings is where the kernel has those of IPVS.
const settings = "/proc/sys/net/ipv4/vs"

// Setting reads a setting of IPVS, such as "sync_ports".
func Setting(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(settings, name))
	if err != nil {
		return "", fmt.Errorf("ipvs: setting %s: %w", name, err)
	}
	return strings.TrimSpace(string(b)), nil
}

// SetSetting changes a setting of IPVS.
func SetSetting(name, value string) error {
	if err := os.WriteFile(filepath.Join(settings, name), []byte(value+"\n"), 0); err != nil {
		return fmt.Errorf("ipvs: setting %s to %s: %w", name, value, err)
	}
	return nil
}
