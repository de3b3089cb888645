package realserver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"holdfast/internal/host"
)

// System is this host, in the network namespace of the calling thread.
type System struct {
	// Note is told of what was left as it is.
	Note func(format string, args ...any)
}

// Gather takes a snapshot.
func (System) Gather() (*host.Snapshot, error) { return host.Gather() }

// Do does an item; one that is done already is no failure, but for a Dummy.
func (s System) Do(i Item) error {
	switch i.Kind {
	case Setting:
		return write(i.Path, i.Value)
	case Module:
		return modprobe(i.Module)
	case Port:
		err := fine(netlink.FouAdd(i.fou()), syscall.EEXIST)
		if err == nil {
			return nil
		}
		if merr := modprobe(i.Module); merr != nil {
			return errors.Join(err, merr)
		}
		return fine(netlink.FouAdd(i.fou()), syscall.EEXIST)
	case Dummy:
		// One that is there by now is somebody else's.
		return netlink.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: i.Device}})
	case LinkUp:
		return onLink(i.Device, netlink.LinkSetUp)
	case Address:
		return i.addAddress()
	case Removal:
		return i.delAddress()
	}
	return fmt.Errorf("unknown kind %q", i.Kind)
}

// Undo takes an item back; what is gone already is no failure. A module stays
// loaded, and a setting that somebody else has changed since stays as it is.
func (s System) Undo(i Item) error {
	var gone netlink.LinkNotFoundError
	switch i.Kind {
	case Setting:
		b, err := os.ReadFile(filepath.Join("/proc/sys", i.Path))
		switch now := strings.TrimSpace(string(b)); {
		case errors.Is(err, os.ErrNotExist):
			return nil // with its interface
		case err != nil:
			return err
		case now != i.Value && now != i.Former:
			s.Note("%s is %s by now, and was set to %s: left as it is", i.Path, now, i.Value)
			return nil
		}
		return write(i.Path, i.Former)
	case Module:
		return nil
	case Port:
		return fine(netlink.FouDel(i.fou()), syscall.EINVAL, syscall.ENOENT)
	case Dummy:
		err := onLink(i.Device, func(l netlink.Link) error {
			if l.Type() != "dummy" {
				s.Note("%s is a %s, not the dummy that was made: left as it is", i.Device, l.Type())
				return nil
			}
			return netlink.LinkDel(l)
		})
		if errors.As(err, &gone) {
			return nil
		}
		return err
	case LinkUp:
		err := onLink(i.Device, netlink.LinkSetDown)
		if errors.As(err, &gone) {
			return nil
		}
		return err
	case Address:
		return i.delAddress()
	case Removal:
		return i.addAddress()
	}
	return fmt.Errorf("unknown kind %q", i.Kind)
}

func write(path, value string) error {
	if value == "" {
		return fmt.Errorf("%s: no value is known", path)
	}
	return os.WriteFile(filepath.Join("/proc/sys", path), []byte(value+"\n"), 0)
}

// moduleLimit is how long loading a module may take.
const moduleLimit = 30 * time.Second

func modprobe(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), moduleLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "modprobe", name).CombinedOutput()
	if text := strings.TrimSpace(string(out)); err != nil && text != "" {
		return errors.New(text)
	}
	return err
}

// fine takes some errors for success.
func fine(err error, which ...error) error {
	for _, w := range which {
		if errors.Is(err, w) {
			return nil
		}
	}
	return err
}

func onLink(name string, f func(netlink.Link) error) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return f(l)
}

func (i *Item) fou() netlink.Fou {
	family := map[int]int{4: unix.AF_INET, 6: unix.AF_INET6}[i.Family]
	return netlink.Fou{Family: family, Port: int(i.Port), EncapType: netlink.FOU_ENCAP_GUE}
}

// address is an address that is never chosen as the source of a connection:
// in IPv4 by its scope, in IPv6 as a deprecated one; and that IPv6 does not
// look for on the segment.
func (i *Item) address() *netlink.Addr {
	a := &netlink.Addr{IPNet: prefixNet(i.Prefix)}
	switch {
	case i.Kind == Removal: // as it was
		a.Label, a.Scope = i.Label, i.Scope
		if i.Prefix.Addr().Is4() {
			a.Broadcast = net.IPv4zero // none; left out, the library computes one
			if i.Broadcast.IsValid() {
				a.Broadcast = i.Broadcast.AsSlice()
			}
		}
	case i.Prefix.Addr().Is4():
		a.Label, a.Scope = i.Label, unix.RT_SCOPE_HOST
	default:
		a.Flags = unix.IFA_F_NODAD
		a.ValidLft = math.MaxUint32 // for ever
	}
	return a
}

func prefixNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// addAddress adds it unless it is there. Linux refuses an IPv6 address that the
// interface has with another prefix length in the same way.
func (i *Item) addAddress() error {
	return onLink(i.Device, func(l netlink.Link) error {
		err := netlink.AddrAdd(l, i.address())
		if !errors.Is(err, syscall.EEXIST) {
			return err
		}
		list, lerr := netlink.AddrList(l, netlink.FAMILY_ALL)
		if lerr != nil {
			return errors.Join(err, lerr)
		}
		want := prefixNet(i.Prefix).String()
		for _, a := range list {
			if a.IPNet.String() == want {
				return nil
			}
		}
		return fmt.Errorf("%s is on %s with another prefix length: %w", i.Prefix.Addr(), i.Device, err)
	})
}

func (i *Item) delAddress() error {
	var gone netlink.LinkNotFoundError
	err := onLink(i.Device, func(l netlink.Link) error {
		return fine(netlink.AddrDel(l, &netlink.Addr{IPNet: prefixNet(i.Prefix)}), syscall.EADDRNOTAVAIL)
	})
	if errors.As(err, &gone) {
		return nil
	}
	return err
}
