package proc

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// withInterpreter says of a script that could not be started for lack of a file
// that it is the interpreter in its first line that is missing: the kernel has
// one error for both.
func withInterpreter(path string, err error) error {
	name := MissingInterpreter(path)
	if name == "" {
		return err
	}
	return fmt.Errorf("the interpreter in its first line, %q, is missing: %w", name, err)
}

// MissingInterpreter is the program in the first line of the script at path, if
// that does not exist; empty: it does, or there is no such line.
func MissingInterpreter(path string) string {
	name := interpreter(path)
	if name == "" {
		return ""
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		return ""
	}
	return name
}

// interpreter is the program that the first line of a script names; empty: it
// is no script that can be read. A carriage return is part of the name.
func interpreter(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO must not hold us up
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	start := make([]byte, 256) // as much as the kernel looks at
	n, _ := io.ReadFull(f, start)
	line, _, _ := bytes.Cut(start[:n], []byte("\n"))
	rest, ok := bytes.CutPrefix(line, []byte("#!"))
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimLeft(string(rest), " \t"), " ")
	name, _, _ = strings.Cut(name, "\t")
	return name
}
