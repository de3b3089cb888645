package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file is read whole, whatever size it says that it has: those of /proc say 0.
func TestFilesAreReadWhole(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "short": "a", "long": strings.Repeat("! 0123456789\n", 100_000)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := (system{}).Read(path); got != text || err != nil {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(text), err)
		}
	}
	const sizeless = "/proc/version"
	want, err := os.ReadFile(sizeless)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (system{}).Read(sizeless); got != string(want) || err != nil {
		t.Errorf("%s: %q, %v; want %q", sizeless, got, err, want)
	}
}
