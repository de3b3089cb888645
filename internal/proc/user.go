package proc

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Credential is the user a program runs as, with its groups.
type Credential struct {
	UID, GID uint32
	Groups   []uint32
}

// Lookup resolves a user and a group, by name or number. An empty user with an
// empty group is nil: the program runs as we do. An empty group is the user's
// own. Answers are kept for a minute, so that thousands of checks do not read
// the user database each time.
func Lookup(name, group string) (*Credential, error) {
	if name == "" && group == "" {
		return nil, nil
	}
	return users.get(name, group)
}

// userTTL is how long an answer of the user database is used.
const userTTL = time.Minute

var users = userCache{m: map[[2]string]cachedUser{}}

type userCache struct {
	mu sync.Mutex
	m  map[[2]string]cachedUser
}

type cachedUser struct {
	cred Credential
	at   time.Time
}

func (c *userCache) get(name, group string) (*Credential, error) {
	key := [2]string{name, group}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.m[key]; ok && time.Since(e.at) < userTTL {
		return &e.cred, nil
	}
	cred, err := lookup(name, group)
	if err != nil {
		delete(c.m, key)
		return nil, err
	}
	c.m[key] = cachedUser{cred, time.Now()}
	return &cred, nil
}

func lookup(name, group string) (Credential, error) {
	c := Credential{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			if u, err = user.LookupId(name); err != nil {
				return c, fmt.Errorf("user %q is not known", name)
			}
		}
		if c.UID, err = number(u.Uid); err != nil {
			return c, err
		}
		if c.GID, err = number(u.Gid); err != nil {
			return c, err
		}
		ids, err := u.GroupIds()
		if err != nil {
			return c, fmt.Errorf("groups of user %q: %w", name, err)
		}
		for _, id := range ids {
			n, err := number(id)
			if err != nil {
				return c, err
			}
			c.Groups = append(c.Groups, n)
		}
	}
	// A colon in front asks for the user's other groups as well, which it always
	// gets.
	if group = strings.TrimPrefix(group, ":"); group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return c, fmt.Errorf("group %q is not known", group)
			}
		}
		if c.GID, err = number(g.Gid); err != nil {
			return c, err
		}
	}
	return c, nil
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("id %q is no number", s)
	}
	return uint32(n), nil
}

// sysCredential is what the kernel is asked for; nil when we are that user
// already and may not set groups, as in a container that has given that up: root
// keeps the groups that it has.
func sysCredential(c *Credential) *syscall.Credential {
	if c == nil || c.UID == uint32(os.Geteuid()) && c.GID == uint32(os.Getegid()) && !maySetGroups() {
		return nil
	}
	return &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups}
}

// maySetGroups reports whether this process has CAP_SETGID.
func maySetGroups() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return os.Geteuid() == 0
	}
	return data[0].Effective&(1<<unix.CAP_SETGID) != 0
}

func runsAsRoot(c *Credential) bool {
	if c == nil {
		return os.Geteuid() == 0
	}
	return c.UID == 0
}
