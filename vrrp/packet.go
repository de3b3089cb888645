package vrrp

import "net/netip"

// Advert is one decoded VRRP advertisement. Addrs may point into storage of
// the decoder and is valid until its next use.
type Advert struct {
	Version   uint8
	VRID      uint8
	Priority  uint8
	AuthType  uint8   // v2
	AuthData  [8]byte // v2
	AdvertInt uint16  // v2: seconds, v3: centiseconds
	Addrs     []netip.Addr
}
