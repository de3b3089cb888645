// Package sync knows the stream by which the directors of a cluster tell each
// other of their IPVS connections: UDP datagrams from the kernel of the master
// to a multicast group, each with the states of up to 255 connections and
// persistence templates.
//
// [Parse] reads a datagram of version 0 or 1 and takes and refuses what the
// kernel's receiver takes and refuses; [Message.Next] hands out its entries
// without allocating anything. [Encoder] packs entries into datagrams that the
// kernel takes. Neither knows of sockets, time or the kernel: what carries a
// stream, and a bulk transfer to a director that joins late, are built on top.
//
// The stream has no authentication, no encryption and no acknowledgement.
//
// Source: net/netfilter/ipvs/ip_vs_sync.c and include/uapi/linux/ip_vs.h of
// Linux, by observation of a running kernel.
package sync
