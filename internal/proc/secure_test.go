package proc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecureRefusesWhatOthersMayWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		needsRoot(t)
	}
	top, err := os.MkdirTemp("", "holdfast-secure") // in /tmp: sticky, root's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	if err := secureOne(os.TempDir()); err != nil {
		t.Skipf("the temporary directory itself: %v", err)
	}
	dir := filepath.Join(top, "dir")
	prog := filepath.Join(dir, "prog")
	link := filepath.Join(top, "link")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(dir, 0o755))
	must(os.WriteFile(prog, []byte("#!/bin/sh\nexit 0\n"), 0o755))
	must(os.Symlink("dir/prog", link))
	must(os.Chmod(dir, 0o755))
	must(os.Chmod(prog, 0o755))

	check := func(want string, args ...string) {
		t.Helper()
		err := Secure(args, false)
		switch {
		case want == "" && err != nil:
			t.Errorf("%v: refused: %v", args, err)
		case want != "" && (!errors.Is(err, ErrInsecure) || !strings.Contains(err.Error(), want)):
			t.Errorf("%v: %v, want it refused because of %s", args, err, want)
		}
	}
	check("", prog)
	check("", link)
	check("", "true")
	if err := Secure([]string{prog + " && true"}, true); err != nil {
		t.Errorf("shell text: %v", err)
	}

	must(os.Chmod(prog, 0o757))
	check("everybody may write "+prog, prog)
	check("everybody may write "+prog, link)
	if err := Secure([]string{prog + " && true"}, true); !errors.Is(err, ErrInsecure) {
		t.Errorf("shell text: %v", err)
	}
	must(os.Chmod(prog, 0o775))
	check("", prog) // root's group
	must(os.Chown(prog, 0, 65534))
	must(os.Chmod(prog, 0o775))
	check("group 65534 may write", prog)
	must(os.Chown(prog, 65534, 0))
	check("owned by user 65534", prog)
	must(os.Chown(prog, 0, 0))
	must(os.Chmod(prog, 0o755))

	must(os.Chmod(dir, 0o777))
	check("everybody may write "+dir, prog)
	check("everybody may write "+dir, link)
	must(os.Chmod(dir, 0o777|os.ModeSticky))
	check("", prog)
	must(os.Chmod(dir, 0o755))

	must(os.Lchown(link, 65534, 0))
	check("the link "+link, link)
	must(os.Lchown(link, 0, 0))

	must(os.Chmod(prog, 0o757))
	r := Run(t.Context(), Spec{Args: []string{prog}, Secure: true})
	if !errors.Is(r.Err, ErrInsecure) {
		t.Errorf("Run with Secure: %+v", r)
	}
	must(os.Chmod(top, 0o755))
	if r = Run(t.Context(), Spec{Args: []string{prog}, Secure: true, User: "nobody"}); !r.OK() {
		t.Errorf("the rule is for root only: %+v", r)
	}

	loop := filepath.Join(top, "loop")
	must(os.Symlink("loop", loop))
	if err := Secure([]string{loop}, false); err == nil {
		t.Error("a link to itself passed")
	}
	if err := Secure([]string{filepath.Join(top, "none")}, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing program: %v", err)
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "a b", "it's", "$(false)", `\`, "a\nb", "*"} {
		r := Run(t.Context(), Spec{Args: []string{"printf %s " + Quote(s)}, Shell: true, Capture: 100})
		if string(r.Output) != s {
			t.Errorf("Quote(%q) reached the shell as %q", s, r.Output)
		}
	}
}
