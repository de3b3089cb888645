// Package bfd is Bidirectional Forwarding Detection (RFC 5880) over one hop of
// IPv4 or IPv6 (RFC 5881), and over several (RFC 5883), without authentication,
// echo and demand mode.
//
// Contract:
//
//   - Packet and Session are pure: time comes in as an argument, and so does
//     chance; what is to be sent and told goes out as a result.
//   - Node runs sessions on real sockets in goroutines of its own. It tells
//     every session's state by name, from the start (down), and keeps it over a
//     change of configuration as long as the two addresses stay.
//   - A neighbour that is administratively down has not failed (RFC 5882
//     section 4.2): what was told before stays until the session is up again
//     or the neighbour is no longer heard.
//   - Packets are hostile until they have passed the checks of RFC 5880
//     section 6.8.6 and, over one hop, that of the TTL (RFC 5881 section 5).
package bfd
