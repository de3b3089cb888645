package load

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// A file is read whole, whatever size it says that it has: those of /proc say 0, and
// any other may change before it is read.
func TestFilesAreReadWhole(t *testing.T) {
	text := strings.Repeat("! 0123456789\n", 100_000)
	for name, c := range map[string]struct {
		text string
		size int
	}{
		"empty": {"", 0}, "as it says": {text, len(text)}, "shorter": {text, len(text) + 1}, "nothing left": {"", 10},
		"longer": {text, len(text) - 1}, "no size": {text, 0},
	} {
		if got, err := readAll(strings.NewReader(c.text), int64(c.size)); got != c.text || err != nil {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(c.text), err)
		}
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := (system{}).Read(path); got != text || err != nil {
		t.Errorf("a file: %d bytes of %d, %v", len(got), len(text), err)
	}
}

func TestFilesThatAreNotRead(t *testing.T) {
	for name, size := range map[string]int64{"says so": maxFile + 1, "does not say so": 0} {
		if _, err := readAll(zeros{}, size); !errors.Is(err, errTooLarge) {
			t.Errorf("too large, %s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	for _, size := range []int64{0, 10} {
		if got, err := readAll(iotest.ErrReader(broken), size); !errors.Is(err, broken) || got != "" {
			t.Errorf("broken, size %d: %q, %v", size, got, err)
		}
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
