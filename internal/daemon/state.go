package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/link"
)

// savedState is the state file: what we installed in the kernel, for the next
// start after a crash. Kernels before 5.18 cannot mark addresses, and IPVS
// has no owner marks at all.
type savedState struct {
	Addresses []link.Address  `json:"addresses"`
	Owned     json.RawMessage `json:"owned,omitempty"`
}

// stateFile writes the newest state in its own goroutine, so that a slow disk
// holds nobody up.
type stateFile struct {
	path string

	mu      sync.Mutex
	next    *savedState
	writing bool
	idle    *sync.Cond
}

func newStateFile(path string) *stateFile {
	s := &stateFile{path: path}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// load reads the file of a former daemon; none is an empty state.
func (s *stateFile) load() (savedState, error) {
	var st savedState
	f, err := os.OpenFile(s.path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, fmt.Errorf("state file: %w", err)
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&st); err != nil {
		return savedState{}, fmt.Errorf("state file %s: %w", s.path, err)
	}
	return st, nil
}

// save keeps st as the newest state and returns at once.
func (s *stateFile) save(held map[string]ipc.Held, owned json.RawMessage) {
	st := &savedState{Owned: slices.Clone(owned)}
	for _, h := range held {
		st.Addresses = append(st.Addresses, h.Addresses...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = st
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
		b, err := json.Marshal(st)
		if err == nil {
			// A failure leaves the older state, which is read with the same care.
			_ = replaceFile(s.path, b)
		}
		s.mu.Lock()
	}
	s.writing = false
	s.idle.Broadcast()
}

// remove waits for a write under way and removes the file: a clean stop
// leaves nothing behind.
func (s *stateFile) remove() {
	s.mu.Lock()
	for s.writing {
		s.idle.Wait()
	}
	s.mu.Unlock()
	os.Remove(s.path)
}

// replaceFile writes a private file and puts it in the place of path, so that
// readers see the old or the new one whole.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".state-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
