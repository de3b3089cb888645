package lab

import (
	"os"
	"syscall"
)

// CopyProgram copies a program to a path as WriteProgram writes one.
func CopyProgram(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return WriteProgram(to, text)
}

// WriteProgram writes a program, or a script, to a path as WriteFile does: who starts
// it is not told "text file busy".
func WriteProgram(path string, text []byte) error { return WriteFile(path, text, 0o755) }

// WriteFile is os.WriteFile while nothing is forked by this process: what is would
// hold the file open for writing until its exec, and meanwhile nobody can run it or
// take a lease of it.
func WriteFile(path string, text []byte, mode os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, text, mode)
}
