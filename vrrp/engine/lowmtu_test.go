package engine

import (
	"strings"
	"testing"

	"holdfast/vrrp/link"
)

// Only ports of IPv6 groups on an interface with too small an MTU are left out.
func TestWithoutIPv6(t *testing.T) {
	e := &Engine{byIndex: map[int]*link.Interface{
		1: {Index: 1, Name: "eth0", MTU: 1279},
		2: {Index: 2, Name: "eth1", MTU: 1280},
	}}
	six, four := addr("ff02::12"), addr("224.0.0.18")
	low := link.Port{Ifindex: 1, Group: six}
	wanted := map[link.Port]bool{
		low: true, {Ifindex: 1, Group: four}: true, {Ifindex: 1, Source: addr("2001:db8::1")}: true,
		{Ifindex: 2, Group: six}: true, {Ifindex: 3, Group: six}: true,
	}
	off := e.withoutIPv6(wanted)
	if len(off) != 1 || off[low] == nil || !strings.Contains(off[low].Error(), "no IPv6 on eth0: its MTU is 1279") {
		t.Errorf("left out: %v", off)
	}
	if len(wanted) != 4 || wanted[low] {
		t.Errorf("opened: %v", wanted)
	}
}
