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

// WriteProgram writes a program, or a script, to a path. Nothing is forked by this
// process meanwhile: what is would hold the file open for writing until its exec, and
// who starts the program then is told "text file busy".
func WriteProgram(path string, text []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, text, 0o755)
}
