// Package role is what a child process finds when it starts: which part it
// plays, its streams to the other processes and its boot record.
package role

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/link"
)

// Role names a process.
type Role string

// The roles. The parent has none.
const (
	VRRP Role = "vrrp"
	LVS  Role = "lvs"
)

// Env is the environment variable that carries the role of a child.
const Env = "HOLDFAST_ROLE"

// The inherited descriptors.
const (
	parentFD = 3 // stream to the parent
	peerFD   = 4 // stream to the other child
	bootFD   = 5 // boot record, a memfd
)

// Options are the settings of the command line that children need.
type Options struct {
	Console          bool // log to stderr; otherwise to syslog
	Facility         int  // syslog facility 0..23 << 3
	NoSyslog         bool
	Detail           int // -D: 1, twice: 2
	JSON             bool
	DontReleaseVRRP  bool // -V: keep addresses at stop
	DontReleaseIPVS  bool // -I: keep the IPVS table at stop
	DontRespawn      bool // -R
	KeepalivedNaming bool // called as keepalived
}

// Boot is the boot record: everything a child is started or reloaded with.
type Boot struct {
	Options Options
	Config  *config.Config
	// Resume names the routers that the predecessor held and how long ago
	// their last advert was sent at most, counted from Died.
	Resume []Resume
	// Leftovers are addresses of the state file that a killed daemon may
	// have left behind.
	Leftovers []link.Address
	// Owned is what the lvs role last said it owns.
	Owned json.RawMessage `json:",omitempty"`
	// Other is set when the other child process runs too.
	Other bool
	// Restarted is set for a child that replaces a dead one.
	Restarted bool
}

// Resume is one router that the predecessor was master of.
type Resume struct {
	Router     string
	LastAdvert time.Time // wall clock, the earliest that the last advert can have been sent
	Addresses  []netip.Prefix
}

// Current is the role of this process; empty for the parent. It clears the
// environment variable, so that scripts do not inherit it.
func Current() Role {
	r := Role(os.Getenv(Env))
	os.Unsetenv(Env)
	return r
}

// Child is the inheritance of a child process.
type Child struct {
	Parent *ipc.Conn
	Peer   *ipc.Conn
	Boot   Boot
}

// Open takes over the inherited descriptors.
func Open() (*Child, error) {
	for fd := parentFD; fd <= bootFD; fd++ {
		unix.CloseOnExec(fd)
	}
	parent, err := ipc.FromFile(os.NewFile(parentFD, "parent"))
	if err != nil {
		return nil, err
	}
	peer, err := ipc.FromFile(os.NewFile(peerFD, "peer"))
	if err != nil {
		return nil, err
	}
	boot, err := ReadBoot(os.NewFile(bootFD, "boot"))
	if err != nil {
		return nil, err
	}
	return &Child{Parent: parent, Peer: peer, Boot: boot}, nil
}

// WriteBoot puts the record into a memfd; the caller closes it.
func WriteBoot(b Boot) (*os.File, error) {
	fd, err := unix.MemfdCreate("holdfast-boot", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("boot record: memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), "boot")
	if err := json.NewEncoder(f).Encode(b); err != nil {
		f.Close()
		return nil, fmt.Errorf("boot record: %w", err)
	}
	return f, nil
}

// ReadBoot reads a record and closes f. Its place in the file does not
// matter: the descriptor may have been shared.
func ReadBoot(f *os.File) (Boot, error) {
	defer f.Close()
	var b Boot
	st, err := f.Stat()
	if err != nil {
		return b, fmt.Errorf("boot record: %w", err)
	}
	if err := json.NewDecoder(io.NewSectionReader(f, 0, st.Size())).Decode(&b); err != nil {
		return b, fmt.Errorf("boot record: %w", err)
	}
	if b.Config == nil {
		return b, errors.New("boot record: no configuration")
	}
	return b, nil
}
