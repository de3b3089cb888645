package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"holdfast/vrrp/link"
)

// savedState is the state file: what we installed in the kernel, for the next
// start after a crash. Kernels before 5.18 cannot mark addresses, and IPVS
// has no owner marks at all.
type savedState struct {
	// Kernel names the running kernel and network namespace: the addresses of
	// another one are not ours to remove.
	Kernel string `json:"kernel"`
	link.Wanted
	Devices link.DeviceRecord `json:"devices,omitzero"`
	// Owned is the lvs role's word, which is JSON. It may be large, see write.
	Owned json.RawMessage `json:"owned,omitempty"`
	// Settings are those of operators.
	Settings json.RawMessage `json:"settings,omitempty"`
}

// stateLimit bounds the state file in bytes: 100,000 services and addresses
// are a tenth of it.
const stateLimit = 128 << 20

// stateFile writes the newest state in its own goroutine, so that a slow disk
// holds nobody up.
type stateFile struct {
	path   string
	log    *slog.Logger
	kernel func() string // kernelID: it does not change

	mu      sync.Mutex
	next    *savedState
	writing bool
	idle    *sync.Cond
}

func newStateFile(path string, log *slog.Logger) *stateFile {
	s := &stateFile{path: path, log: log, kernel: sync.OnceValue(kernelID)}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// kernelID is the boot of this machine and the network namespace.
func kernelID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	ns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + ns
}

// load reads the file of a former daemon; none, and one from before a reboot,
// is an empty state. The file is root's own, but nothing in it is believed
// that could reach beyond what a daemon writes there: an address without an
// interface. What the machine needs for itself is left out: its loopback
// address, and a route of the kernel.
func (s *stateFile) load() (savedState, error) {
	f, err := os.OpenFile(s.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return savedState{}, nil
	}
	if err != nil {
		return savedState{}, fmt.Errorf("state file: %w", err)
	}
	defer f.Close()
	wrap := func(err error) error { return fmt.Errorf("state file %s: %w", s.path, err) }
	info, err := f.Stat()
	switch {
	case err != nil:
		return savedState{}, wrap(err)
	case !info.Mode().IsRegular():
		return savedState{}, wrap(errors.New("not a regular file"))
	case info.Mode().Perm()&0o022 != 0:
		return savedState{}, wrap(errors.New("others may write to it"))
	case info.Size() > stateLimit:
		return savedState{}, wrap(fmt.Errorf("%d bytes are too long", info.Size()))
	}
	var st savedState
	if err := json.NewDecoder(io.LimitReader(f, stateLimit)).Decode(&st); err != nil {
		return savedState{}, wrap(err)
	}
	if st.Kernel != s.kernel() {
		return savedState{}, nil
	}
	for _, a := range st.Addresses {
		if !a.Prefix.IsValid() || a.Ifindex <= 0 {
			return savedState{}, wrap(fmt.Errorf("%v on interface %d cannot be a virtual address", a.Prefix, a.Ifindex))
		}
	}
	st.Addresses = slices.DeleteFunc(st.Addresses, func(a link.Address) bool { return !removable(a.Prefix.Addr()) })
	// One that is marked as the administrator's is left to the configuration,
	// which names it if it is still wanted.
	st.Objects = slices.DeleteFunc(st.Objects, func(o link.Object) bool { return !o.Removable() })
	if err := checkDevices(st.Devices); err != nil {
		return savedState{}, wrap(err)
	}
	return st, nil
}

// removable says whether an address may be taken away because of a file that
// says that we put it there. A configuration may name any, but the machine
// cannot do without its own loopback address.
func removable(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.IPv6Loopback() && a != netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// save keeps the newest state and returns at once. What is in it is not
// changed by anybody afterwards.
func (s *stateFile) save(st savedState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Kernel = s.kernel()
	s.next = &st
	if !s.writing {
		s.writing = true
		go s.write()
	}
}

func (s *stateFile) write() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.next != nil {
		st := s.next
		s.next = nil
		s.mu.Unlock()
		err := st.write(s.path)
		if err != nil {
			s.log.Error("state file not written", "err", err)
		}
		s.mu.Lock()
	}
	s.writing = false
	s.idle.Broadcast()
}

// write writes the state in the place of path. What the lvs process owns goes as it
// came: package json would copy it three times, and it is said while the kernel's
// table is about to be written.
func (st savedState) write(path string) error {
	owned := st.Owned
	st.Owned = nil
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	if len(owned) == 0 {
		return replaceFile(path, b)
	}
	b = append(b[:len(b)-1], `,"owned":`...) // there is a first field always
	return replaceFile(path, b, owned, []byte("}"))
}

// wait waits for a write under way.
func (s *stateFile) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing {
		s.idle.Wait()
	}
}

// remove removes the file: a clean stop leaves nothing behind.
func (s *stateFile) remove() {
	s.wait()
	os.Remove(s.path)
}

// replaceFile writes a private file of these parts and puts it in the place of path,
// so that readers see the old or the new one whole.
func replaceFile(path string, parts ...[]byte) error {
	next := path + ".new"
	os.Remove(next) // of a daemon that was killed while writing
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	for _, b := range parts {
		if err == nil {
			_, err = f.Write(b)
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		os.Remove(next)
	}
	return err
}
