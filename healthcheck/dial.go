package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dialer connects as a Config says.
type dialer struct {
	addr    string
	net     net.Dialer
	timeout time.Duration
}

func newDialer(c Config) (*dialer, error) {
	switch {
	case !c.Addr.Addr().IsValid():
		return nil, fmt.Errorf("healthcheck: %s: no address to connect to", c.Kind)
	case c.Addr.Port() == 0:
		return nil, fmt.Errorf("healthcheck: %s %s: no port to connect to", c.Kind, c.Addr.Addr())
	case c.BindTo.IsValid() && c.BindTo.Unmap().Is4() != c.Addr.Addr().Unmap().Is4():
		return nil, fmt.Errorf("healthcheck: %s %s: bindto %s is of another address family", c.Kind, c.Addr, c.BindTo)
	}
	d := &dialer{addr: c.Addr.String(), timeout: c.connectTimeout()}
	d.net = net.Dialer{Timeout: d.timeout, KeepAlive: -1, FallbackDelay: -1}
	if c.BindTo.IsValid() || c.BindPort != 0 {
		from := c.BindTo
		if !from.IsValid() {
			if from = netip.IPv4Unspecified(); !c.Addr.Addr().Unmap().Is4() {
				from = netip.IPv6Unspecified()
			}
		}
		d.net.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, c.BindPort))
	}
	if c.FWMark != 0 || d.net.LocalAddr != nil {
		d.net.Control = func(_, _ string, rc syscall.RawConn) error { return setOptions(rc, c) }
	}
	return d, nil
}

// setOptions sets what must be set before bind and connect.
func setOptions(rc syscall.RawConn, c Config) error {
	var err error
	ctl := rc.Control(func(fd uintptr) {
		if c.FWMark != 0 {
			if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(c.FWMark)); err != nil {
				err = os.NewSyscallError("setsockopt SO_MARK", err)
				return
			}
		}
		switch {
		case c.BindPort != 0:
			// The last look's connection may still be in TIME_WAIT.
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		case c.BindTo.IsValid():
			// Let connect choose the port: it may then be shared between
			// servers, so that many checks do not use up the range.
			_ = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		}
	})
	return errors.Join(ctl, err)
}

func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	return d.net.DialContext(ctx, "tcp", d.addr)
}

// reason is the short cause of a network error: what is behind the operation
// and the addresses, which the reader knows.
func reason(err error) string {
	var sys *os.SyscallError
	var ne net.Error
	switch {
	case errors.As(err, &sys):
		return sys.Err.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return "timed out"
	}
	return err.Error()
}
