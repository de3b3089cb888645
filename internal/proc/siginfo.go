package proc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// siginfoBytes views the structure as the bytes the kernel wrote.
func siginfoBytes(s *unix.Siginfo) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s)), unsafe.Sizeof(*s))
}
