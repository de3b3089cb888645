package track

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxContent bounds how much of a file is read: a number needs no more.
const maxContent = 64

// maxValue bounds the number on both sides.
const maxValue = 1<<31 - 1

var (
	errNoNumber = errors.New("not a number")
	errRange    = errors.New("out of range")
)

// parseValue reads a whole number as C's strtol does with base 0: blanks and a
// sign in front, 0x for hexadecimal, 0 for octal, and whatever follows the
// digits is left alone. Nothing but blanks is 0. The errors are errNoNumber,
// with the value 0, and errRange for what does not fit in 32 bits.
func parseValue(b []byte) (int, error) {
	s := strings.TrimLeft(string(b), " \t\n\v\f\r")
	if s == "" {
		return 0, nil
	}
	rest, negative := s, false
	if s[0] == '-' || s[0] == '+' {
		rest, negative = s[1:], s[0] == '-'
	}
	base, digits := 10, rest
	switch {
	case len(rest) > 2 && (rest[:2] == "0x" || rest[:2] == "0X") && digit(rest[2]) < 16:
		base, digits = 16, rest[2:]
	case strings.HasPrefix(rest, "0"):
		base = 8
	}
	n, end := int64(0), 0
	for ; end < len(digits) && digit(digits[end]) < base; end++ {
		if n = n*int64(base) + int64(digit(digits[end])); n > maxValue {
			return 0, fmt.Errorf("%s: %w", strconv.QuoteToASCII(s), errRange)
		}
	}
	if end == 0 {
		return 0, fmt.Errorf("%s: %w", strconv.QuoteToASCII(s), errNoNumber)
	}
	if negative {
		n = -n
	}
	return int(n), nil
}

// digit is the value of a digit, 36 for what is none.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'Z':
		return int(c-'A') + 10
	}
	return 36
}

// readValue reads the number of a file. A missing file is 0 without an error;
// one that cannot be read, or is no regular file, is 0 with one. It never
// blocks on a pipe or a device.
func readValue(path string) (value int, there bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		if os.IsNotExist(err) {
			err = nil
		}
		return 0, false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	if !st.Mode().IsRegular() {
		return 0, false, fmt.Errorf("%s is not a regular file", path)
	}
	b := make([]byte, maxContent)
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, true, err
	}
	value, err = parseValue(b[:n])
	return value, true, err
}

// writeValue makes a file with a number in it. Without overwrite a file that
// exists is left alone. A symbolic link at its end is not followed.
func writeValue(path string, value int, overwrite bool) error {
	flags := os.O_WRONLY | os.O_CREATE | unix.O_NOFOLLOW | unix.O_NONBLOCK
	if overwrite {
		flags |= os.O_TRUNC
	} else {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		if os.IsExist(err) && !overwrite {
			return nil
		}
		return err
	}
	_, err = fmt.Fprintln(f, value)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
