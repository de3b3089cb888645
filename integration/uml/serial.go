package uml

import (
	"bytes"
	"sync"
)

// serial keeps what the kernel prints, and tells of a panic: the kernel of
// user-mode Linux goes on turning after one, and never ends by itself.
type serial struct {
	panicked func() // called once, in the middle of a Write

	mu   sync.Mutex
	text []byte
	told bool
}

func (s *serial) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	if !s.told && bytes.Contains(s.text, []byte("Kernel panic")) {
		s.told = true
		s.panicked()
	}
	return len(p), nil
}

// String is what the kernel has printed so far.
func (s *serial) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}
