// Package starter writes the first configuration of a director: short, valid
// and commented, in either language. It is pure; what the machine looks like
// comes in as Answers. The texts are put together by hand: with text/template the
// linker keeps every method of every type in the whole program.
package starter

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Answers are what a first configuration needs to know.
type Answers struct {
	RouterID  string       // name of this director
	Interface string       // where the adverts and the address go
	VIP       netip.Prefix // the virtual address with its prefix length
	VRID      int          // 1..255, unique on the segment
	First     bool         // this director is master while both are well
	// Peer is the other director's address: adverts then go to it alone.
	// Invalid: multicast.
	Peer netip.Addr
	// Source is this director's own address on Interface, for Peer.
	Source netip.Addr
	// Port and Servers make a virtual server on the address: none without
	// servers. The servers listen on the same port.
	Port    int
	Servers []netip.Addr
}

// Check says what is missing or wrong.
func (a *Answers) Check() error {
	switch {
	case a.Interface == "" || strings.ContainsAny(a.Interface, " \t\"{}#!"):
		return fmt.Errorf("%q is not the name of an interface", a.Interface)
	case !a.VIP.IsValid():
		return errors.New("the virtual address is missing")
	case !a.VIP.Addr().Is4():
		return errors.New("the virtual address has to be IPv4 here")
	case a.VRID < 1 || a.VRID > 255:
		return fmt.Errorf("virtual router id %d is not in 1..255", a.VRID)
	case a.Peer.IsValid() && !a.Peer.Is4():
		return errors.New("the peer's address has to be IPv4 like the virtual address")
	case a.Peer.IsValid() && a.Peer == a.Source:
		return errors.New("the peer's address is this machine's own")
	case a.Peer.IsValid() && a.Peer == a.VIP.Addr():
		return errors.New("the peer's address is the virtual one: give the other director's own")
	case len(a.Servers) > 0 && (a.Port < 1 || a.Port > 65535):
		return fmt.Errorf("port %d is not in 1..65535", a.Port)
	}
	for _, s := range a.Servers {
		if s == a.VIP.Addr() {
			return fmt.Errorf("real server %v is the virtual address itself: give the server's own", s)
		}
		if !s.Is4() {
			return fmt.Errorf("real server %v: an IPv4 address is wanted, like the virtual address", s)
		}
	}
	return nil
}

// Priority is 150 on the first director and 100 on the other.
func (a Answers) Priority() int {
	if a.First {
		return 150
	}
	return 100
}

// State is the initial state as keepalived names it.
func (a Answers) State() string {
	if a.First {
		return "MASTER"
	}
	return "BACKUP"
}

// Role says what state and priority mean.
func (a Answers) Role() string {
	if a.First {
		return "MASTER and the higher priority: holds the address while both are well."
	}
	return "BACKUP and the lower priority: waits while the other one is well."
}

// Other says what differs on the other director.
func (a Answers) Other() string {
	b := a
	b.First = !a.First
	return fmt.Sprintf("router_id, state %s, priority %d", b.State(), b.Priority())
}
