package control

import (
	"errors"
	"fmt"
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"holdfast/internal/daemon/lvs"
)

// client is the user at the other end of a local socket, as the kernel noted it
// when that connected (SO_PEERCRED of unix(7)).
func client(c net.Conn) (lvs.Author, error) {
	cred, err := peer(c)
	if err != nil {
		return lvs.Author{}, fmt.Errorf("client of the control socket: %w", err)
	}
	by := lvs.Author{UID: cred.Uid}
	if acc, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10)); err == nil {
		by.User = acc.Username
	}
	return by, nil
}

// peer is the other end of a local socket.
func peer(c net.Conn) (*unix.Ucred, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.New("not a local socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var cerr error
	err = raw.Control(func(fd uintptr) {
		cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred, errors.Join(err, cerr)
}
