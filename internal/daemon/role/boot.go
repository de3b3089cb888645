package role

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/wire"
	"holdfast/vrrp/link"
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
	// Resume names the routers that the predecessor was master of.
	Resume []Resume
	// Leftovers is what a predecessor, or a killed daemon, may have left
	// behind.
	Leftovers link.Wanted
	// Devices are virtual interfaces and settings that a predecessor made.
	Devices link.DeviceRecord
	// Owned is what the lvs role last said it owns.
	Owned json.RawMessage
	// Settings are those of operators that the lvs role last said are in force.
	Settings json.RawMessage
	// GivenBack are those that were in force before a trial that this configuration
	// takes back; nil: it takes none back.
	GivenBack json.RawMessage
	// Umask is the file creation mask, where UmaskSet.
	Umask    int
	UmaskSet bool
	// Folder is where the record is kept on its way; empty: in memory.
	Folder string
	// Other is set when the other child process runs too.
	Other bool
	// Restarted is set for a child that replaces a dead one.
	Restarted bool

	// Config travels behind the rest, see Encode.
	Config *config.Config
	// ID is the identity of Config, and Kept says, where it came as a change,
	// where each of its virtual servers stands in the former one; -1: nowhere.
	// Both are set by reading.
	ID   uint64
	Kept []int
}

// bootForm is the first byte of a record. It is another one also with each other form
// of the messages (see package ipc): a process that could read this record, and then
// not a word of its parent's, would never be known to be ready.
const bootForm = 1

// Resume is one router that the predecessor was master of.
type Resume struct {
	Router string
	// SentAt is the earliest that the last advert can have been sent, since the machine
	// was started (CLOCK_BOOTTIME); 0: nobody knows.
	SentAt time.Duration
}

// WriteBoot puts the record, with cfg in the place of its Config, into a file
// without a name, in memory or in its Folder; the caller closes it.
func WriteBoot(b Boot, cfg Encoded) (*os.File, error) {
	var fd int
	var err error
	if b.Folder == "" {
		fd, err = unix.MemfdCreate("holdfast-boot", unix.MFD_CLOEXEC)
	} else {
		fd, err = unix.Open(b.Folder, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("boot record: file without a name in %q: %w", b.Folder, err)
	}
	f := os.NewFile(uintptr(fd), "boot")
	var fields wire.Fields
	if _, err = f.Write(wire.Append(&fields, []byte{bootForm}, &b, bootFields)); err == nil {
		_, err = f.Write(cfg)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("boot record: %w", err)
	}
	return f, nil
}

// errNotHere is the error of a change that cannot be applied.
var errNotHere = errors.New("boot record: it is a change of a configuration that is not here")

// IsNotHere says whether a process, whose answer err is, wants a configuration
// whole because it has not the one that the change is of. The answer came as a
// text.
func IsNotHere(err error) bool { return err != nil && err.Error() == errNotHere.Error() }

// ErrSuperseded is the error of a configuration that comes after a newer one.
var ErrSuperseded = errors.New("superseded by a newer configuration")

// Newest is the highest identity of the messages whose configuration a process
// has begun to take over. Each waits for the one before it in a goroutine of
// its own, and they may come to their turn in any order.
type Newest uint64

// Read is ReadChange for a message whose turn it is. It closes the message's
// file; ErrSuperseded: a newer one came first.
func (n *Newest) Read(m ipc.Message, have Taken) (Boot, error) {
	if m.File == nil {
		return Boot{}, errors.New("no configuration came with the message")
	}
	if m.ID < uint64(*n) {
		m.File.Close()
		return Boot{}, ErrSuperseded
	}
	*n = Newest(m.ID)
	return ReadChange(m.File, have)
}

// Taken is a configuration that a process has.
type Taken struct {
	ID     uint64
	Config *config.Config
}

// ReadBoot reads a record, takes over its file creation mask and closes f. The
// place in the file does not matter: the descriptor may have been shared.
func ReadBoot(f *os.File) (Boot, error) { return ReadChange(f, Taken{}) }

// ReadChange is ReadBoot for a record whose configuration may be a change of
// the one that the process has.
func ReadChange(f *os.File, have Taken) (Boot, error) {
	defer f.Close()
	var b Boot
	st, err := f.Stat()
	if err != nil {
		return b, fmt.Errorf("boot record: %w", err)
	}
	if st.Size() == 0 {
		return b, fmt.Errorf("boot record: %w", io.ErrUnexpectedEOF)
	}
	// Into memory that goes back at once, in one call: mapped, the file would take a
	// page fault for each of its pages.
	data, err := unix.Mmap(-1, 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return b, fmt.Errorf("boot record: %w", err)
	}
	defer unix.Munmap(data)
	if _, err := f.ReadAt(data, 0); errors.Is(err, io.EOF) {
		return b, fmt.Errorf("boot record: %w", io.ErrUnexpectedEOF)
	} else if err != nil {
		return b, fmt.Errorf("boot record: %w", err)
	}
	if data[0] != bootForm {
		return b, errForm
	}
	var fields wire.Fields
	rest, err := wire.Read(&fields, data[1:], &b, bootFields)
	if err != nil {
		return b, fmt.Errorf("boot record: %w", err)
	}
	enc := Encoded(rest)
	if base := enc.base(); base != 0 && base != have.ID {
		return b, errNotHere
	} else if base == 0 {
		have.Config = nil
	}
	if b.Config, b.Kept, err = enc.decode(have.Config); err != nil {
		return b, fmt.Errorf("boot record: %w", err)
	}
	b.ID = enc.ID()
	if b.UmaskSet {
		unix.Umask(b.Umask)
	}
	return b, nil
}
