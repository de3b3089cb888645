package vrrpd

import (
	"net/netip"
	"testing"

	"holdfast/internal/config"
)

// What the policies make of one instance: the MTU of its interface, the length of
// its adverts with the IP header, or a number, and kernel_rx_buf_size before all.
func TestRxBuffer(t *testing.T) {
	four := config.VRRPInstance{Interface: "no such interface", Family: 4, Version: 3}
	four.VirtualIPAddress = []config.VIP{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}, {Prefix: netip.MustParsePrefix("192.0.2.2/24")}}
	six := four
	six.Family = 6
	two, ah, own, there := four, four, four, four
	two.Version = 2
	ah.Version, ah.AuthType = 2, config.AuthAH
	own.KernelRxBufSize = 4711
	there.Interface = "eth0"
	for _, c := range []struct {
		name string
		bufs config.RxBufs
		in   config.VRRPInstance
		want int
	}{
		{"no policy", config.RxBufs{Multiplier: 3}, four, 0},
		{"MTU", config.RxBufs{Policy: config.RxMTU, Multiplier: 3}, there, 3 * 9000},
		{"MTU of an interface that is not there", config.RxBufs{Policy: config.RxMTU, Multiplier: 2}, four, 3000},
		{"ADVERT", config.RxBufs{Policy: config.RxAdvert, Multiplier: 3}, four, 3 * (20 + 8 + 8)},
		{"ADVERT, version 2", config.RxBufs{Policy: config.RxAdvert, Multiplier: 1}, two, 20 + 8 + 8 + 8},
		{"ADVERT, AH", config.RxBufs{Policy: config.RxAdvert, Multiplier: 1}, ah, 20 + 8 + 8 + 8 + 24},
		{"ADVERT, IPv6", config.RxBufs{Policy: config.RxAdvert, Multiplier: 1}, six, 40 + 8 + 32},
		{"a number", config.RxBufs{Policy: config.RxBytes, Bytes: 65536, Multiplier: 3}, four, 65536},
		{"kernel_rx_buf_size", config.RxBufs{Policy: config.RxMTU, Multiplier: 3}, own, 4711},
	} {
		if got := rxBuffer(&config.GlobalDefs{RxBufs: c.bufs}, &c.in, interfaces(map[string]int{"eth0": 9000}, nil)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
