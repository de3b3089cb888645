// Package role is what a child process finds when it starts: which part it
// plays, its streams to the other processes and its boot record; and what its
// exit code says to the parent.
package role

import (
	"os"

	"golang.org/x/sys/unix"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/early"
)

// Role names a process.
type Role string

// The roles. The parent has none.
const (
	VRRP Role = "vrrp"
	LVS  Role = "lvs"
)

// Env is the environment variable that carries the role of a child.
const Env = early.RoleEnv

// The inherited descriptors.
const (
	parentFD = 3 // stream to the parent
	peerFD   = 4 // stream to the other child
	bootFD   = 5 // boot record, a memfd
)

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
