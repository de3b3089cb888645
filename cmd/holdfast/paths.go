package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The default places. keepalived's own come with its command line.
const (
	defaultConfig  = "/etc/holdfast/holdfast.toml"
	compatConfig   = "/etc/keepalived/keepalived.conf"
	runDir         = "/run/holdfast"
	defaultControl = runDir + "/control.sock"
	controlEnv     = "HOLDFAST_CONTROL"
)

// configOrDefault is the file given, or holdfast's own, or keepalived's when
// only that exists.
func configOrDefault(given string) string {
	if given != "" {
		return given
	}
	if _, err := os.Stat(defaultConfig); err != nil {
		if _, err := os.Stat(compatConfig); err == nil {
			return compatConfig
		}
	}
	return defaultConfig
}

func controlOrDefault(given string) string {
	if given != "" {
		return given
	}
	if env := os.Getenv(controlEnv); env != "" {
		return env
	}
	return defaultControl
}

// controlFor gives every daemon with a pid file of its own a control socket of
// its own: /run/a.pid has /run/a.sock.
func controlFor(pidFile, defaultPID string) string {
	if env := os.Getenv(controlEnv); env != "" {
		return env
	}
	if pidFile == defaultPID {
		return defaultControl
	}
	return strings.TrimSuffix(pidFile, ".pid") + ".sock"
}

// program is the absolute path that this process was started from. It is not
// /proc/self/exe: under that path the children's command name would be "exe"
// and pidof would not find them.
func program() (string, error) { return programOf(os.Args[0]) }

// programOf is program for a process of that name. Who started this one may have
// given it a name that is another program's, as with ExecStart=@ of systemd: then it
// is where the kernel says.
func programOf(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil && isThis(path) {
		return filepath.Abs(path)
	}
	if self, err := os.Executable(); err == nil {
		return self, nil
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(path) // there is no /proc to ask
}

// isThis reports whether a file is the one that this process was started from.
func isThis(path string) bool {
	is, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	found, err := os.Stat(path)
	return err == nil && os.SameFile(is, found)
}
