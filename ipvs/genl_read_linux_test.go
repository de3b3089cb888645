package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	cf "github.com/cloudflare/ipvs"
	"github.com/cloudflare/ipvs/netmask"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nlenc"
	"github.com/mdlayher/netlink/nltest"
)

// withoutServers answers that no service has a destination.
type withoutServers struct{ cf.Client }

func (withoutServers) Destinations(cf.Service) ([]cf.DestinationExtended, error) {
	return nil, &netlink.OpError{Op: "receive", Sequence: 1, Err: syscall.ENOENT}
}

// A dump during which somebody changed services, in whatever namespace, has
// some of ours twice and others not at all; and one may be deleted between two.
func TestServicesChangedDuringADump(t *testing.T) {
	const family, services = 40, 40
	dumps := 0
	g := &genl{client: withoutServers{}, family: family}
	g.nl = nltest.Dial(func(reqs []netlink.Message) ([]netlink.Message, error) {
		h := netlink.Header{Type: family, Sequence: reqs[0].Header.Sequence, PID: nltest.PID}
		if reqs[0].Header.Type != family { // to the controller
			h.Type = reqs[0].Header.Type
			return []netlink.Message{{Header: h, Data: append([]byte{1, 2, 0, 0}, nltest.MustMarshalAttributes([]netlink.Attribute{
				{Type: 1, Data: nlenc.Uint16Bytes(family)}, {Type: 2, Data: nlenc.Bytes(genlName)},
			})...)}}, nil
		}
		dumps++
		var msgs []netlink.Message
		for i := range byte(services) {
			times := 1
			switch {
			case dumps == 1 && i == 20, dumps == 2 && i == 30:
				times = 2
			case dumps == 1 && i == 25, dumps == 2 && i == 35, dumps > 1 && i == services-1:
				times = 0
			}
			for range times {
				msgs = append(msgs, serviceMessage(h, i))
			}
		}
		return nltest.Multipart(append(msgs, netlink.Message{Header: h}))
	})
	all, err := g.stats()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		if i >= services || s.Addr != netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) {
			t.Errorf("service %d is %v", i, s.ServiceKey)
		}
	}
	if len(all) != services-1 || dumps != 4 {
		t.Errorf("%d services after %d dumps, want %d after 4", len(all), dumps, services-1)
	}
}

// serviceMessage is what the kernel says of the service 192.0.2.i:80.
func serviceMessage(h netlink.Header, i byte) netlink.Message {
	s := Service{Scheduler: "rr", Netmask: netmask.MaskFrom(32, 32), ServiceKey: ServiceKey{
		Family: INET, Protocol: TCP, Addr: netip.AddrFrom4([4]byte{192, 0, 2, i}), Port: 80,
	}}
	data := nltest.MustMarshalAttributes([]netlink.Attribute{
		{Type: netlink.Nested | attrService, Data: appendService(nil, &s, true)},
	})
	return netlink.Message{Header: h, Data: append([]byte{cmdGetService, 1, 0, 0}, data...)}
}

// Whether the module is gone is asked once for a table, not once for each of
// its services without servers.
func TestServicesWithoutServers(t *testing.T) {
	const family, services = 40, 20
	for _, now := range []uint16{family, family + 1} {
		t.Run(fmt.Sprint("family ", now), func(t *testing.T) {
			asked := 0
			g := &genl{client: withoutServers{}, family: family}
			g.nl = nltest.Dial(func(reqs []netlink.Message) ([]netlink.Message, error) {
				h := netlink.Header{Type: family, Sequence: reqs[0].Header.Sequence, PID: nltest.PID}
				if reqs[0].Header.Type != family { // to the controller
					asked++
					h.Type = reqs[0].Header.Type
					id := nltest.MustMarshalAttributes([]netlink.Attribute{
						{Type: 1, Data: nlenc.Uint16Bytes(now)}, // CTRL_ATTR_FAMILY_ID
						{Type: 2, Data: nlenc.Bytes(genlName)},  // CTRL_ATTR_FAMILY_NAME
					})
					return []netlink.Message{{Header: h, Data: append([]byte{1, 2, 0, 0}, id...)}}, nil
				}
				msgs := make([]netlink.Message, 0, services+1)
				for i := range byte(services) {
					msgs = append(msgs, serviceMessage(h, i))
				}
				return nltest.Multipart(append(msgs, netlink.Message{Header: h}))
			})
			all, err := g.stats()
			switch {
			case asked != 1:
				t.Errorf("asked for the module %d times: %v", asked, err)
			case now != family:
				if !errors.Is(err, errUnloaded) || g.nl != nil {
					t.Errorf("another module: %v, connection %v", err, g.nl)
				}
			case err != nil || len(all) != services:
				t.Errorf("%d services, %v", len(all), err)
			}
		})
	}
}
