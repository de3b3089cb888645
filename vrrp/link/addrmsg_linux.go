package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// ifaProto is IFA_PROTO of linux/if_addr.h (5.18), which x/sys lacks.
	// Older kernels skip an attribute that they do not know.
	ifaProto = 11

	nlBatch   = 256 // messages in one sendmsg
	nlBuffer  = 4 << 20
	nlTimeout = 5 * time.Second
)

// addrOp is one change of one address.
type addrOp struct {
	add  bool
	addr kernelAddr
}

func (o addrOp) String() string {
	verb := "remove"
	if o.add {
		verb = "add"
	}
	return fmt.Sprintf("%s address %v on interface %d", verb, o.addr.Prefix, o.addr.Ifindex)
}

// wanted is an address as we install it: ours by its mark, for ever, and for
// IPv6, unless it says otherwise, without duplicate address detection and,
// where it is a host's address, deprecated, so that it never becomes the source
// of the machine's own connections (keepalived does both).
func wanted(a Address) kernelAddr {
	k := kernelAddr{Address: a, Proto: IFAProto, Valid: math.MaxUint32, Prefer: math.MaxUint32}
	if a.Prefix.Addr().Is6() {
		if !a.DAD {
			k.Flags |= unix.IFA_F_NODAD
		}
		switch {
		case a.PreferredSet:
			k.Prefer = a.Preferred
		case a.Prefix.IsSingleIP():
			k.Prefer = 0
		}
	}
	return k
}

// message encodes the change as RTM_NEWADDR or RTM_DELADDR.
func (o addrOp) message() (netlink.Message, error) {
	a := o.addr
	if !a.Prefix.IsValid() || a.Ifindex <= 0 {
		return netlink.Message{}, unix.EINVAL
	}
	ip := a.Prefix.Addr()
	family := uint8(unix.AF_INET)
	if ip.Is6() {
		family = unix.AF_INET6
	}
	far, bits := ip, a.Prefix.Bits()
	if a.Peer.IsValid() {
		far = a.Peer
	}

	data := ifAddrMsg(family, uint8(bits), a.Scope, a.Ifindex)
	data = appendAttr(data, unix.IFA_LOCAL, ip.AsSlice())
	data = appendAttr(data, unix.IFA_ADDRESS, far.AsSlice())
	m := netlink.Message{Header: netlink.Header{Type: unix.RTM_DELADDR, Flags: netlink.Request}}
	if o.add {
		m.Header.Type = unix.RTM_NEWADDR
		m.Header.Flags |= netlink.Create | netlink.Excl
		if a.Label != "" {
			data = appendAttr(data, unix.IFA_LABEL, append([]byte(a.Label), 0))
		}
		if a.Broadcast.IsValid() && ip.Is4() {
			data = appendAttr(data, unix.IFA_BROADCAST, a.Broadcast.AsSlice())
		}
		if a.Flags != 0 {
			data = appendAttr(data, unix.IFA_FLAGS, binary.NativeEndian.AppendUint32(nil, a.Flags))
		}
		if a.Proto != 0 {
			data = appendAttr(data, ifaProto, []byte{a.Proto})
		}
		if a.Valid != math.MaxUint32 || a.Prefer != math.MaxUint32 {
			data = appendAttr(data, unix.IFA_CACHEINFO, cacheInfo(a.Prefer, a.Valid))
		}
	}
	m.Data = data
	return m, nil
}

// settled says whether err means that the change is already so.
func (o addrOp) settled(err error) bool {
	switch {
	case err == nil:
		return true
	case o.add:
		return errors.Is(err, unix.EEXIST)
	default:
		return errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)
	}
}

// addrConn sends changes of addresses, routes and rules to the kernel.
type addrConn struct{ conn *netlink.Conn }

func dialAddrs() (*addrConn, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("link: open netlink: %w", err)
	}
	// The kernel's own words on an error. (Not CapAcknowledge with it: the
	// library looks for the words behind a copy of the request that is then
	// missing.)
	err = c.SetOption(netlink.ExtendedAcknowledge, true)
	if err == nil {
		err = c.SetReadBuffer(nlBuffer) // an error for every message of a batch fits
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("link: open netlink: %w", err)
	}
	return &addrConn{c}, nil
}

func (c *addrConn) close() error { return c.conn.Close() }

// change is one change of the kernel's state that an addrConn carries out.
type change interface {
	// message encodes it, without flags that ask for an answer.
	message() (netlink.Message, error)
	// settled says whether err means that the change is already so.
	settled(err error) bool
	String() string
}

// apply carries out ops in their order, as few system calls as that takes, and
// returns one error for each, nil for those that are as wanted afterwards.
func apply[T change](c *addrConn, ops []T) []error {
	errs := make([]error, len(ops))
	for start := 0; start < len(ops); start += nlBatch {
		end := min(start+nlBatch, len(ops))
		batch(c, ops[start:end], errs[start:end])
	}
	for i, o := range ops {
		switch {
		case o.settled(errs[i]):
			errs[i] = nil
		default:
			errs[i] = fmt.Errorf("%v: %w", o, errs[i])
		}
	}
	return errs
}

// batch sends up to nlBatch changes in one system call. Only the last one asks
// for an answer: the kernel works in order and reports what fails unasked.
func batch[T change](c *addrConn, ops []T, errs []error) {
	msgs, index := make([]netlink.Message, 0, len(ops)), make([]int, 0, len(ops))
	for i, o := range ops {
		m, err := o.message()
		if err != nil {
			errs[i] = err
			continue
		}
		msgs, index = append(msgs, m), append(index, i)
	}
	if len(msgs) == 0 {
		return
	}
	fail := func(err error) {
		for _, i := range index {
			if errs[i] == nil {
				errs[i] = err
			}
		}
	}
	msgs[len(msgs)-1].Header.Flags |= netlink.Acknowledge
	if err := c.conn.SetDeadline(time.Now().Add(nlTimeout)); err != nil {
		fail(err)
		return
	}
	msgs, err := c.conn.SendMessages(msgs)
	if err != nil {
		fail(err)
		return
	}
	place := make(map[uint32]int, len(msgs))
	for i, m := range msgs {
		place[m.Header.Sequence] = index[i]
	}
	last := msgs[len(msgs)-1].Header.Sequence
	for {
		replies, err := c.conn.Receive()
		var oe *netlink.OpError
		if errors.As(err, &oe) && oe.Sequence != 0 {
			if i, ok := place[oe.Sequence]; ok {
				errs[i] = kernelError(oe)
			}
			if oe.Sequence == last {
				return
			}
			continue
		}
		if err != nil {
			fail(err) // what came before may well be done: unknown is not done
			return
		}
		for _, r := range replies {
			if r.Header.Type == netlink.Error && r.Header.Sequence == last {
				return
			}
		}
	}
}

// kernelError keeps the error number and the kernel's own words, if any.
func kernelError(oe *netlink.OpError) error {
	err := oe.Err
	var se *os.SyscallError
	if errors.As(err, &se) {
		err = se.Err
	}
	if oe.Message != "" {
		return fmt.Errorf("%w (%s)", err, oe.Message)
	}
	return err
}

// shares says whether b lies in the subnet that a spans, in the sense in which
// the kernel makes one the secondary address of the other: IPv4, the same
// interface, prefix length and network.
func shares(a, b addrKey) bool {
	return a.ifindex == b.ifindex && a.prefix.Addr().Is4() && a.prefix.Bits() == b.prefix.Bits() &&
		a.prefix.Masked() == b.prefix.Masked()
}

// ifAddrMsg is a struct ifaddrmsg of linux/if_addr.h, with room for the usual
// attributes. Flags go in one of those.
func ifAddrMsg(family, bits, scope uint8, ifindex int) []byte {
	return binary.NativeEndian.AppendUint32(append(make([]byte, 0, 96), family, bits, 0, scope), uint32(ifindex))
}

// appendAttr appends a netlink attribute: its length, its type, value, padding.
func appendAttr(b []byte, typ uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, value...)
	for len(b)%unix.NLA_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

// cacheInfo is a struct ifa_cacheinfo of linux/if_addr.h; times in seconds.
func cacheInfo(prefer, valid uint32) []byte {
	b := make([]byte, 16) // the two time stamps are the kernel's
	binary.NativeEndian.PutUint32(b[0:], prefer)
	binary.NativeEndian.PutUint32(b[4:], valid)
	return b
}
