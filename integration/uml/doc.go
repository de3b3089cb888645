// Package uml runs a command inside a Linux kernel that has IPVS, on a
// machine whose own kernel has not.
//
// The kernel is Debian's user-mode-linux: a Linux that is an ordinary process.
// Its root file system is the machine's own, read-only (hostfs), so the
// command finds the same programs at the same paths and can change nothing of
// the machine: /dev, /run and /tmp are its own and vanish with it. The one
// place both sides can write is the results folder, which has the same path
// inside and outside.
//
// [Run] boots the kernel, runs one command and reports how it ended. [RunTest]
// runs the calling test there, or, on a kernel that has IPVS, in a network
// namespace of its own. Inside, [Inside] is true.
//
// The kernel has one processor and a 100 Hz clock; system calls are slow and
// computing is not. Times measured in it compare with each other only.
package uml
