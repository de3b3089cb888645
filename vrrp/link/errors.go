package link

import "errors"

var (
	// ErrPortClosed is the fate of a datagram whose port is not open.
	ErrPortClosed = errors.New("link: port is not open")
	// ErrClosed is returned by calls that come after Close.
	ErrClosed = errors.New("link: closed")
)

// errPending marks a datagram that Send has not tried yet.
var errPending = errors.New("link: not sent yet")
