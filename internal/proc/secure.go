package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrInsecure says that somebody other than root can change a program that
// would run as root (enable_script_security).
var ErrInsecure = errors.New("not safe to run as root")

// Secure checks a command that is to run as root: no component of the
// program's path, links followed, may be writable by another user. The
// program of a shell text is its first word where that is an absolute path;
// other shell texts run /bin/sh, which is checked. The error wraps ErrInsecure
// and names the component.
func Secure(args []string, shell bool) error {
	if len(args) == 0 {
		return errors.New("no program given")
	}
	path := args[0]
	if shell {
		path = "/bin/sh"
		if f := strings.Fields(args[0]); len(f) > 0 && strings.HasPrefix(f[0], "/") {
			path = f[0]
		}
	}
	path, err := lookPath(path)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	return secureDir("/", 0, path)
}

// Trusted returns what Start would say about the program when Secure is set and
// the files stay as they are, without starting it: an error that wraps
// ErrInsecure, or one about a user or a file that is not there.
func (s Spec) Trusted() error {
	if !s.Secure {
		return nil
	}
	cred, err := Lookup(s.User, s.Group)
	if err != nil {
		return err
	}
	return s.trusted(cred)
}

func (s Spec) trusted(cred *Credential) error {
	if !s.Secure || !runsAsRoot(cred) {
		return nil
	}
	return Secure(s.Args, s.Shell)
}

// maxLinks bounds the symbolic links followed, as the kernel does.
const maxLinks = 40

// secureDir checks dir and every component of path below it, following links
// by hand so that the directory each link stands in is checked as well.
func secureDir(dir string, links int, path string) error {
	if err := secureOne(dir); err != nil {
		return err
	}
	for _, name := range strings.Split(filepath.Clean(path), "/") {
		switch name {
		case "", ".":
			continue
		case "..":
			dir = filepath.Dir(dir)
			continue
		}
		at := filepath.Join(dir, name)
		st, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if st.Mode()&os.ModeSymlink == 0 {
			if err := secureOne(at); err != nil {
				return err
			}
			dir = at
			continue
		}
		if uid, _ := owner(st); uid != 0 {
			return fmt.Errorf("%w: the link %s is owned by user %d", ErrInsecure, at, uid)
		}
		if links++; links > maxLinks {
			return fmt.Errorf("%s: too many links", at)
		}
		target, err := os.Readlink(at)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		// The link may lead through further links: resolve it from here and
		// go on from where it ends.
		if err := secureDir(dir, links, target); err != nil {
			return err
		}
		if dir, err = filepath.EvalSymlinks(at); err != nil {
			return err
		}
	}
	return nil
}

func secureOne(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	uid, gid := owner(st)
	mode := st.Mode()
	// In a sticky directory nobody but root can replace what root owns.
	sticky := mode.IsDir() && mode&os.ModeSticky != 0
	switch {
	case uid != 0:
		return fmt.Errorf("%w: %s is owned by user %d", ErrInsecure, path, uid)
	case mode&0o020 != 0 && gid != 0 && !sticky:
		return fmt.Errorf("%w: group %d may write %s", ErrInsecure, gid, path)
	case mode&0o002 != 0 && !sticky:
		return fmt.Errorf("%w: everybody may write %s", ErrInsecure, path)
	}
	return nil
}

func owner(st os.FileInfo) (uid, gid uint32) {
	s := st.Sys().(*syscall.Stat_t)
	return s.Uid, s.Gid
}
