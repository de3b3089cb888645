package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/early"
)

// enterNamespace sees to it that this process, and all that it starts, is in
// the network namespace of that name; none: it stays where it is. A thread
// alone can change its namespace, so that the program begins anew in it, with
// the same pid.
func enterNamespace(prog, name string) error {
	if name == "" {
		return nil
	}
	if strings.Contains(name, "/") {
		return fmt.Errorf("network namespace %q: it is a name that is wanted", name)
	}
	path := load.NamespacePath(name)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("network namespace %s: %s: %w", name, path, err)
	}
	defer unix.Close(fd)
	var there, here unix.Stat_t
	if err := unix.Fstat(fd, &there); err != nil {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	if err := unix.Stat("/proc/self/ns/net", &here); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	if there.Dev == here.Dev && there.Ino == here.Ino {
		return nil
	}
	runtime.LockOSThread()
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	defer early.Block()()
	return fmt.Errorf("start %s: %w", prog, syscall.Exec(prog, os.Args, os.Environ()))
}

// folderOf is where a daemon with a name or a network namespace of its own, or
// with use_pid_dir, keeps its files; empty: where all others do.
func folderOf(base string, d *config.Daemon) string {
	if d.Instance == "" && d.NetNamespace == "" && !d.UsePIDDir {
		return ""
	}
	return filepath.Join(base, d.NetNamespace)
}

// named puts the name of the instance into that of a file: vrrp_blue.pid.
func named(file string, d *config.Daemon) string {
	if d.Instance == "" {
		return file
	}
	ext := filepath.Ext(file)
	return strings.TrimSuffix(file, ext) + "_" + strings.ReplaceAll(d.Instance, "/", "_") + ext
}
