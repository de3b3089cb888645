package vrrp

// DropReason says why a received message was not used. The reasons stand in
// the order in which keepalived makes its checks (RFC 9568 section 7.1 asks
// for the same ones without an order).
type DropReason uint8

// The reasons. A message that fails in several ways is counted for the first
// failure found: Decode looks at the message alone, Router.Check compares it
// with the configuration.
const (
	DropNone        DropReason = iota // accepted
	DropState                         // the router is in INIT or FAULT, or in its start-up delay
	DropAH                            // in an IPsec authentication header and should not, or the reverse
	DropLength                        // shorter or longer than its address count says, or truncated
	DropTTL                           // TTL or hop limit is not 255 (multicast)
	DropVersion                       // version is neither 2 nor 3, or not the configured one
	DropUnknownVRID                   // no router of this VRID there
	DropUnsigned                      // auth_hmac: no trailer
	DropTrailer                       // auth_hmac: trailer of another type, or malformed
	DropKey                           // auth_hmac: key id is not configured
	DropClock                         // auth_hmac: its time differs from ours by more than time_window
	DropReplay                        // auth_hmac, AH: sequence is not beyond the last one
	DropDigest                        // auth_hmac, AH: digest is wrong
	DropAHHeader                      // AH: header malformed, or its SPI is not the source
	DropAuthType                      // v2: authentication type differs
	DropAuthPass                      // v2: password differs
	DropInterval                      // v2: advert_int differs; v3: interval 0
	DropType                          // type is not 1 (advertisement)
	DropChecksum                      // checksum is wrong in every known form
	DropDestination                   // multicast on a unicast router or the reverse
	DropOwner                         // owner_ignore_adverts
	DropCount                         // no addresses, or with StrictAddresses another number of them
	DropAddresses                     // StrictAddresses: another list of addresses
	DropPeer                          // check_unicast_src: sender is no configured peer
	DropPeerTTL                       // unicast: TTL is outside min_ttl and max_ttl of the peer

	// NumDropReasons is the number of reasons, DropNone included.
	NumDropReasons = int(DropPeerTTL) + 1
)

var dropNames = [NumDropReasons]string{
	DropNone:        "none",
	DropState:       "state",
	DropAH:          "ah",
	DropLength:      "length",
	DropTTL:         "ttl",
	DropVersion:     "version",
	DropUnknownVRID: "unknown-vrid",
	DropUnsigned:    "unsigned",
	DropTrailer:     "trailer",
	DropKey:         "unknown-key",
	DropClock:       "clock",
	DropReplay:      "replay",
	DropDigest:      "digest",
	DropAHHeader:    "ah-header",
	DropAuthType:    "auth-type",
	DropAuthPass:    "auth-pass",
	DropInterval:    "interval",
	DropType:        "type",
	DropChecksum:    "checksum",
	DropDestination: "destination",
	DropOwner:       "owner",
	DropCount:       "address-count",
	DropAddresses:   "address-list",
	DropPeer:        "peer",
	DropPeerTTL:     "peer-ttl",
}

// String is the short name used in status and metrics.
func (d DropReason) String() string {
	if int(d) < len(dropNames) {
		return dropNames[d]
	}
	return "unknown"
}
