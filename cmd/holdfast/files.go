package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// saveFile writes a file, and one that exists only with force: then it is
// replaced whole or not at all.
func saveFile(name, text string, force bool) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	// It may come to hold a password.
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	switch {
	case errors.Is(err, os.ErrExist) && force:
		return replace(name, text)
	case errors.Is(err, os.ErrExist):
		return fmt.Errorf("%s exists: --force replaces it", name)
	case err != nil:
		return err
	}
	_, err = out.WriteString(text)
	return errors.Join(err, out.Close())
}

// replace puts text in place of a file's contents, whole or not at all. A
// symbolic link stays one.
func replace(name, text string) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return os.WriteFile(name, []byte(text), 0) // a device or a pipe
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".holdfast-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // it is gone when all goes well
	_, err = tmp.WriteString(text)
	if err = errors.Join(err, keepOwner(tmp, info), tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// keepOwner gives f the owner of the file that it replaces.
func keepOwner(f *os.File, info os.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(st.Uid), int(st.Gid))
	}
	return nil
}
