// Package vrrp is the protocol core: messages, the state machine of a virtual
// router, and sync groups. It is pure: it opens nothing, starts nothing, logs
// nothing and never asks for the time.
package vrrp
