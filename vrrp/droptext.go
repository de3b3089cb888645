package vrrp

import "slices"

// dropTexts say of dropped messages what is wrong with them.
var dropTexts = [NumDropReasons]string{
	DropAH:          "have an authentication header and should not, or the reverse",
	DropTTL:         "came with a TTL below 255: they were routed, or forged",
	DropVersion:     "are of another VRRP version",
	DropUnsigned:    "are not signed (auth_hmac)",
	DropKey:         "are signed with a key that is not configured (auth_hmac)",
	DropClock:       "are of another time than ours (auth_hmac): do the clocks agree?",
	DropReplay:      "were used before, or count behind what was heard",
	DropDigest:      "are signed with another key, or forged",
	DropAuthType:    "have another kind of authentication",
	DropAuthPass:    "have another password",
	DropInterval:    "came with another advert_int, which version 2 does not accept",
	DropChecksum:    "have a wrong checksum",
	DropDestination: "came by multicast where unicast is configured, or the reverse",
	DropCount:       "have another number of addresses",
	DropAddresses:   "have another list of addresses",
	DropPeer:        "came from none of the peers in unicast_peer",
	DropPeerTTL:     "come from farther away or nearer than min_ttl and max_ttl allow",
}

// Text goes on with "adverts that …" for people.
func (d DropReason) Text() string {
	if int(d) < len(dropTexts) && dropTexts[d] != "" {
		return dropTexts[d]
	}
	return "are malformed or not wanted"
}

// DropNamed is the reason with a name that String gives; DropNone: there is none.
func DropNamed(name string) DropReason {
	return DropReason(max(0, slices.Index(dropNames[:], name)))
}
