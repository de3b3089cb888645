// Package capture reads UDP datagrams out of recorded and of passing traffic.
//
// [Open] reads files of libpcap's and of pcapng's format; [Datagrams] finds
// UDP in their frames (Ethernet with VLAN tags, Linux cooked, raw IP; IPv4 and
// IPv6; datagrams in fragments that come in order). [Listen] joins a multicast
// group on an interface and hands out what passes there, in both directions
// where it may open a packet socket.
//
// Files and frames are hostile: every length is checked and bounded, and
// nothing is kept but half datagrams, of which there are at most maxPartial.
package capture
