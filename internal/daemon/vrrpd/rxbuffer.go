package vrrpd

import (
	"holdfast/internal/config"
	"holdfast/vrrp"
)

// rxBuffer is the receive buffer that an instance asks for in bytes; 0: none of
// its own.
func rxBuffer(g *config.GlobalDefs, in *config.VRRPInstance, at *mtus) int {
	if in.KernelRxBufSize > 0 {
		return in.KernelRxBufSize
	}
	switch b := &g.RxBufs; b.Policy {
	case config.RxMTU:
		return at.of(in.Interface) * b.Multiplier
	case config.RxAdvert:
		return advertSize(in) * b.Multiplier
	case config.RxBytes:
		return b.Bytes
	}
	return 0
}

// advertSize is the length of an instance's adverts with the IP header.
func advertSize(in *config.VRRPInstance) int {
	const header4, header6, message, password, trailer = 20, 40, 8, 8, 28
	size := header4 + message + 4*len(in.VirtualIPAddress)
	if in.Family == 6 {
		size = header6 + message + 16*len(in.VirtualIPAddress)
	}
	if in.Version == 2 {
		size += password
	}
	if in.AuthType == config.AuthAH {
		size += vrrp.AHLen
	}
	if len(in.AuthHMAC.Keys) > 0 {
		size += trailer
	}
	return size
}
