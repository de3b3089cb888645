package stack

import (
	"testing"
	"unsafe"
)

// deep needs some 20 KiB of stack, a kilobyte at a time.
//
//go:noinline
func deep(n int) byte {
	var room [1 << 10]byte
	if n > 0 {
		room[n] = deep(n - 1)
	}
	return room[n]
}

// moves reports whether the stack of a new goroutine moves while deep works.
func moves(first func()) bool {
	moved := make(chan bool)
	go func() {
		first()
		var here byte
		was := uintptr(unsafe.Pointer(&here))
		deep(20)
		moved <- was != uintptr(unsafe.Pointer(&here))
	}()
	return <-moved
}

func TestReserve(t *testing.T) {
	if !moves(func() {}) {
		t.Error("a new goroutine has a stack that is large enough")
	}
	if moves(Reserve) {
		t.Error("the stack moves although room was made for it")
	}
}
