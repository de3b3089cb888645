package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sysctlRoot is where the settings of this thread's network namespace are.
const sysctlRoot = "/proc/sys/net"

// sysctls reads and writes kernel settings and remembers what they were. A
// path is taken apart at slashes only, so an interface may have dots in its
// name.
type sysctls struct {
	root  string
	saved []Setting
}

func newSysctls() *sysctls { return &sysctls{root: sysctlRoot} }

func confPath(family int, ifname, name string) string {
	return fmt.Sprintf("ipv%d/conf/%s/%s", family, ifname, name)
}

func (s *sysctls) get(path string) (string, error) {
	b, err := os.ReadFile(filepath.Join(s.root, path))
	if err != nil {
		return "", fmt.Errorf("link: read setting: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (s *sysctls) put(path, value string) error {
	if err := os.WriteFile(filepath.Join(s.root, path), []byte(value), 0); err != nil {
		return fmt.Errorf("link: set %s to %s: %w", path, value, err)
	}
	return nil
}

// set writes a setting of an interface that is ours, where it differs.
func (s *sysctls) set(path, value string) error {
	if have, err := s.get(path); err != nil || have == value {
		return err
	}
	return s.put(path, value)
}

// change writes a setting that is not ours and remembers what it was. The
// first value remembered is the one to go back to.
func (s *sysctls) change(path string, ifindex int, value string) error {
	have, err := s.get(path)
	if err != nil || have == value {
		return err
	}
	if err := s.put(path, value); err != nil {
		return err
	}
	if i := slices.IndexFunc(s.saved, func(o Setting) bool { return o.Path == path && o.Ifindex == ifindex }); i >= 0 {
		s.saved[i].New = value
		return nil
	}
	s.saved = append(s.saved, Setting{Path: path, Ifindex: ifindex, Old: have, New: value})
	return nil
}

// restore undoes the changes that match, the last first. What somebody else
// has set to another value since is left as it is, and so is an interface that
// is not the same any more.
func (s *sysctls) restore(match func(Setting) bool) error {
	var errs []error
	kept := s.saved[:0:0]
	for _, o := range slices.Backward(s.saved) {
		if !match(o) {
			kept = append(kept, o)
			continue
		}
		if err := s.undo(o); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	slices.Reverse(kept)
	s.saved = kept
	return errors.Join(errs...)
}

func (s *sysctls) undo(o Setting) error {
	if o.Ifindex != 0 && s.indexOf(o.Path) != o.Ifindex {
		return nil
	}
	have, err := s.get(o.Path)
	if err != nil || have != o.New {
		return err
	}
	return s.put(o.Path, o.Old)
}

// indexOf is the index of the interface that a setting belongs to, 0 when there
// is none of its name.
func (s *sysctls) indexOf(path string) int {
	parts := strings.Split(path, "/")
	if len(parts) != 4 {
		return 0
	}
	index, err := interfaceIndex(parts[2])
	if err != nil {
		return 0
	}
	return index
}

// number reads a setting as a number.
func (s *sysctls) number(path string) (int, error) {
	text, err := s.get(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}
