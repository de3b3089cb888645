package load

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxKeyFile bounds the file of a key: 64 bytes in hexadecimal are 132.
const maxKeyFile = 4096

// keyFile reads the file of a key. A pipe or a device is none: nobody waits
// for it.
func keyFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	case info.Size() > maxKeyFile:
		return nil, fmt.Errorf("%s: %d bytes are no key", path, info.Size())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err == nil && len(b) == 0 {
		err = errors.New(path + ": empty")
	}
	return b, err
}
