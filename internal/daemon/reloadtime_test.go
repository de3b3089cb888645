package daemon

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A FIFO in the place of the file, which anybody may make where the folder is
// open to all, must not keep the daemon.
func TestReloadTimeFileIsNoFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "time")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := readShort(path); err == nil {
		t.Errorf("%q", text)
	}
}

func TestReloadTimes(t *testing.T) {
	zone := time.FixedZone("X", 2*3600)
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"12:00:01":             time.Date(2026, 3, 31, 12, 0, 1, 0, zone),
		"12:00:00":             time.Date(2026, 4, 1, 12, 0, 0, 0, zone), // now is too late
		"11:59:59":             time.Date(2026, 4, 1, 11, 59, 59, 0, zone),
		"10:00:01Z":            time.Date(2026, 3, 31, 10, 0, 1, 0, time.UTC),
		"09:00:00 Z":           time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC),
		"2026-04-02 03:04:05":  time.Date(2026, 4, 2, 3, 4, 5, 0, zone),
		"26-04-02 03:04:05":    time.Date(2026, 4, 2, 3, 4, 5, 0, zone),
		"2026-04-02 03:04:05Z": time.Date(2026, 4, 2, 3, 4, 5, 0, time.UTC),
	} {
		if got, err := reloadTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "12:00", "24:00:00", "2026-02-30 00:00:00", "2026-03-31 12:00:00", "20-01-01 00:00:00", "12:00:01 12:00:02"} {
		if got, err := reloadTime(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
