package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The children are started from the file that this process was started from, by the
// name that it has there, whatever else has the name that it was given.
func TestTheProgramIsThisOne(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, link := programs(t)
	dir := t.TempDir()
	other := filepath.Join(dir, "keepalived")
	if err := os.WriteFile(other, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, name, want string }{
		{dir, "keepalived", self},
		{dir, other, self},
		{dir, "nothing", self},
		{filepath.Dir(link), "keepalived", link},
		{dir, link, link},
	} {
		t.Setenv("PATH", c.path)
		if got, err := programOf(c.name); err != nil || got != c.want {
			t.Errorf("%s with PATH=%s: %q, %v; want %q", c.name, c.path, got, err, c.want)
		}
	}
}
