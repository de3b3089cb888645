// Package vrrpd is the vrrp process: it joins the engine, the wire, the
// tracked scripts and the notify queues, and talks with the parent and the
// lvs process.
//
// The engine's thread owns every virtual router. What it tells (Observer)
// goes through an unbounded queue to one goroutine, the teller, which owns
// everything outward: notify, the messages to lvs and to the parent. Nothing
// that is slow outside can reach back to the engine.
package vrrpd
