package track

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
)

func TestParseValue(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "  \n": 0, "5": 5, "5\n": 5, " -7 \n": -7, "+3": 3, "0x1f": 31, "0X1F": 31, "010": 8, "0": 0, "0x": 0, "08": 0,
		"12abc": 12, "2147483647": maxValue, "-2147483647": -maxValue,
	} {
		if got, err := parseValue([]byte(in)); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"abc", "-", "+ 5", "\x00", "--1", "99999999999999999999", "-99999999999999999999", "2147483648", "0xffffffffffffffffffffff"} {
		if got, err := parseValue([]byte(in)); got != 0 || err == nil {
			t.Errorf("%q: %d, %v, want 0 and an error", in, got, err)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"", "5", "-0x10", "077", "x", "9999999999999999999999999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parseValue(b)
		if v < -maxValue || v > maxValue || err != nil && v != 0 {
			t.Errorf("%q: %d, %v", b, v, err)
		}
	})
}

func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 'a', 'b', 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(_ *testing.T, b []byte) { decodeEvents(b, map[int32][]string{1: {"/nowhere"}}) })
}

// numbers keeps what Files told last.
type numbers struct {
	mu   sync.Mutex
	last map[string]int
	n    map[string]int
}

func (r *numbers) changed(key string, v int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[key] = v
	r.n[key]++
}

func (r *numbers) wait(t *testing.T, key string, want int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		r.mu.Lock()
		v, ok := r.last[key]
		r.mu.Unlock()
		if ok && v == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is %d (%v), want %d", key, v, ok, want)
		}
	}
}

func (r *numbers) times(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n[key]
}

func follow(t *testing.T, list ...config.TrackFile) (*Files, *numbers) {
	t.Helper()
	r := &numbers{last: map[string]int{}, n: map[string]int{}}
	f := NewFiles(FilesDeps{Changed: r.changed})
	t.Cleanup(f.Close)
	f.Set(list, false)
	return f, r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFileLife follows one file through everything that can happen to it.
func TestFileLife(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "value")
	_, r := follow(t, config.TrackFile{Name: "f", Path: path})
	if r.last["file f"] != 0 || r.n["file f"] != 1 {
		t.Fatalf("a missing file is %v", r.last)
	}
	step := func(what string, want int, do func()) {
		t.Helper()
		do()
		t.Log(what)
		r.wait(t, "file f", want)
	}
	step("directories come later", 3, func() {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		write(t, path, "3\n")
	})
	step("written anew", -4, func() { write(t, path, "-4") })
	step("replaced by a rename", 5, func() {
		write(t, path+".new", "5")
		must(t, os.Rename(path+".new", path))
	})
	step("removed", 0, func() { must(t, os.Remove(path)) })
	step("a hard link", 6, func() {
		write(t, path+".other", "6")
		must(t, os.Link(path+".other", path))
	})
	step("its directory is renamed", 0, func() { must(t, os.Rename(filepath.Join(dir, "a", "b"), filepath.Join(dir, "a", "c"))) })
	step("and comes back", 6, func() { must(t, os.Rename(filepath.Join(dir, "a", "c"), filepath.Join(dir, "a", "b"))) })
	step("everything is removed", 0, func() { must(t, os.RemoveAll(filepath.Join(dir, "a"))) })
	step("and made again", 7, func() {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		write(t, path, "7")
	})
	step("a symbolic link to elsewhere", 8, func() {
		write(t, filepath.Join(dir, "elsewhere"), "8")
		must(t, os.Remove(path))
		must(t, os.Symlink("../../elsewhere", path))
	})
	step("the file it leads to changes", 9, func() { write(t, filepath.Join(dir, "elsewhere"), "9") })
}

// TestNoTruncation: a file that is being written is not taken for an empty one.
func TestNoTruncation(t *testing.T) {
	for range 5 {
		began := time.Now()
		path := filepath.Join(t.TempDir(), "value")
		write(t, path, "1")
		_, r := follow(t, config.TrackFile{Name: "f", Path: path})
		for i := 2; i < 50; i++ {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			must(t, err)
			time.Sleep(time.Millisecond)
			fmt.Fprint(f, i)
			f.Close()
			r.wait(t, "file f", i)
		}
		// All files are read now and then, also one that has been empty for a second, as on
		// a machine that stood still.
		if time.Since(began) >= recheck {
			continue
		}
		if n := r.times("file f"); n != 49 {
			t.Errorf("told %d times, want 49: an empty file in between was told", n)
		}
		return
	}
	t.Skip("the machine is too busy")
}

// TestHostileFile: what is no regular file with a number counts as 0, at once.
func TestHostileFile(t *testing.T) {
	dir := t.TempDir()
	fifo, huge, words := filepath.Join(dir, "fifo"), filepath.Join(dir, "huge"), filepath.Join(dir, "words")
	must(t, unix.Mkfifo(fifo, 0o600))
	write(t, words, "many words")
	write(t, huge, "12")
	must(t, os.Truncate(huge, 1<<40))
	f, r := follow(t,
		config.TrackFile{Name: "fifo", Path: fifo}, config.TrackFile{Name: "zero", Path: "/dev/zero"}, config.TrackFile{Name: "dir", Path: dir},
		config.TrackFile{Name: "words", Path: words}, config.TrackFile{Name: "huge", Path: huge})
	for _, st := range f.Status() {
		want := 0
		if st.Name == "huge" {
			want = 12
		}
		if st.Value != want || (st.Err == "") != (st.Name == "huge") {
			t.Errorf("%+v", st)
		}
	}
	if len(r.last) != 5 {
		t.Errorf("told %v", r.last)
	}
}

func TestInitFile(t *testing.T) {
	dir := t.TempDir()
	path := func(n string) string { return filepath.Join(dir, n) }
	write(t, path("kept"), "4")
	write(t, path("over"), "4")
	write(t, path("target"), "4")
	must(t, os.Symlink(path("target"), path("link")))
	list := []config.TrackFile{
		{Name: "new", Path: path("new"), InitFile: true, InitValue: 7},
		{Name: "kept", Path: path("kept"), InitFile: true, InitValue: 7},
		{Name: "over", Path: path("over"), InitFile: true, InitValue: -7, Overwrite: true},
		{Name: "link", Path: path("link"), InitFile: true, InitValue: 7, Overwrite: true},
	}
	f, r := follow(t, list...)
	for name, want := range map[string]int{"new": 7, "kept": 4, "over": -7, "link": 4} {
		if got := r.last[FileKey(name)]; got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	// A reload that keeps the file does not write it again.
	write(t, path("over"), "3")
	r.wait(t, "file over", 3)
	list[2].InitValue = 9
	f.Set(list, false)
	time.Sleep(20 * time.Millisecond)
	r.wait(t, "file over", 3)
	// Nor does a process that replaces another one.
	g, r2 := func() (*Files, *numbers) {
		r := &numbers{last: map[string]int{}, n: map[string]int{}}
		f := NewFiles(FilesDeps{Changed: r.changed})
		t.Cleanup(f.Close)
		f.Set(list, true)
		return f, r
	}()
	if r2.last["file over"] != 3 {
		t.Errorf("a replaced process wrote %d", r2.last["file over"])
	}
	g.Set(nil, false)
	if len(g.Status()) != 0 {
		t.Errorf("still followed: %+v", g.Status())
	}
}
