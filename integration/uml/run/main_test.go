package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	o, err := options([]string{"-mem", "1G", "-show", a + "," + b, "-results", b, "-timeout", "5m", "sh", "-c", "x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.Mem != "1G" || o.Results != b || o.Timeout != 5*time.Minute || !slices.Equal(o.Show, []string{a, b}) {
		t.Errorf("%+v", o)
	}
	if len(o.Command) != 3 || !filepath.IsAbs(o.Command[0]) || o.Command[1] != "-c" {
		t.Errorf("command %q", o.Command)
	}
	file := filepath.Join(a, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{}, {"no-such-program-here"}, {"-show", file, "sh"}, {"-results", a + "/missing", "sh"}, {"-bogus", "sh"}} {
		if _, err := options(args, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
