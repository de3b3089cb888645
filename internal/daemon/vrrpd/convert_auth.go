package vrrpd

import (
	"slices"

	"holdfast/internal/config"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// authentication takes over what makes adverts believed, their form, and the
// ways they go.
func authentication(r *engine.Router, in *config.VRRPInstance) {
	switch in.AuthType {
	case config.AuthPass:
		r.AuthType = vrrp.AuthPassword
	case config.AuthAH:
		r.AuthType = vrrp.AuthHeader
	}
	if in.AuthType != config.AuthNone {
		copy(r.AuthPass[:], in.AuthPass)
	}
	h := &in.AuthHMAC
	if len(h.Keys) > 0 {
		r.HMAC = vrrp.HMAC{Active: h.ActiveKey, Monotonic: h.Monotonic, Window: h.TimeWindow}
		for _, k := range h.Keys {
			r.HMAC.Keys = append(r.HMAC.Keys, vrrp.HMACKey{ID: k.ID, Key: k.Key})
		}
		switch h.Mode {
		case config.HMACPermissive:
			r.HMAC.Mode = vrrp.HMACPermissive
		case config.HMACReceiveOnly:
			r.HMAC.Mode = vrrp.HMACReceiveOnly
		}
	}
	switch in.Checksum {
	case config.ChecksumMessage:
		r.Checksum = vrrp.ChooseMessage
	case config.ChecksumOldUnicast:
		r.Checksum = vrrp.ChooseOldUnicast
	case config.ChecksumFollow:
		r.Checksum = vrrp.ChooseFollow
	}
	r.StrictAddresses = in.DropAddrMismatch
	if !r.Unicast {
		r.Paths = slices.Clone(in.AdvertPaths)
		return
	}
	r.UnicastTTL = in.UnicastTTL
	bounded := func(p config.UnicastPeer) bool { return p.MinTTL >= 0 || p.MaxTTL >= 0 }
	if !slices.ContainsFunc(in.UnicastPeer, bounded) {
		return
	}
	for _, p := range in.UnicastPeer {
		t := vrrp.TTLRange{Min: uint8(max(p.MinTTL, 0)), Max: 255}
		if p.MaxTTL >= 0 {
			t.Max = uint8(p.MaxTTL)
		}
		r.PeerTTLs = append(r.PeerTTLs, t)
	}
}
