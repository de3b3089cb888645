package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/daemon"
	"holdfast/internal/daemon/logging"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/vrrpd"
	"holdfast/internal/early"
)

// pulse is daemon.Options.Pulse; tests have less patience.
var pulse time.Duration

// exitNoFile is keepalived's exit code for a configuration that is not there.
const exitNoFile = 6

// keepalived runs with keepalived's command line and returns its exit code.
func keepalived(args []string, stdout, stderr io.Writer) int {
	k := newKACommand()
	opts := k.options()
	rest, err := parseOptions(args, opts)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unexpected argument(s): %s", strings.Join(rest, " "))
	}
	if err != nil {
		fmt.Fprintf(stderr, "keepalived: %v (--help lists the options)\n", err)
		return role.DaemonFatal
	}
	if !inBackground() {
		for _, w := range k.wrong {
			fmt.Fprintf(stderr, "keepalived: %s\n", w)
		}
	}
	if k.help || k.version || k.signum != "" || k.test {
		early.LetGo()
	}
	switch {
	case k.help:
		fmt.Fprintf(stdout, "Usage: keepalived [OPTION...]\n\nholdfast %s with the command line of keepalived.\n\n", version)
		printOptions(stdout, opts)
		return 0
	case k.version:
		fmt.Fprintf(stderr, "holdfast %s, with the command line of Keepalived v2.2.7\n", version)
		return 0
	case k.signum != "":
		return signum(k.signum, stdout, stderr)
	case k.test:
		return k.configTest(stderr)
	}
	code, err := k.run(stderr)
	if err != nil {
		fmt.Fprintf(stderr, "keepalived: %v\n", err)
	}
	return code
}

func (k *kaCommand) loadOptions() load.Options {
	return load.Options{ConfigID: k.configID, Namespace: k.namespace, AllIncludes: k.allConfig, Interfaces: load.SystemInterfaces, Users: true}
}

func (k *kaCommand) configTest(stderr io.Writer) int {
	out := stderr
	if k.testLog != "" {
		f, err := os.OpenFile(k.testLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			fmt.Fprintf(stderr, "keepalived: %v\n", err)
			return role.DaemonFatal
		}
		defer f.Close()
		out = f
	}
	_, diags := load.Load(k.file, k.loadOptions())
	for _, d := range diags {
		fmt.Fprintln(out, d)
	}
	if noFile(diags) {
		return exitNoFile
	}
	return config.TestExit(diags)
}

// signum prints the number of the signal that keepalived gives a meaning; the
// real-time signals count from glibc's SIGRTMIN, 34.
func signum(name string, stdout, stderr io.Writer) int {
	n, ok := map[string]int{"STOP": 15, "RELOAD": 1, "DATA": 10, "STATS": 12, "STATS_CLEAR": 63, "JSON": 36}[name]
	if !ok {
		fmt.Fprintf(stderr, "Unknown sigfunc %s\n", name)
		return role.DaemonFatal
	}
	fmt.Fprintln(stdout, n)
	return 0
}

// run is the daemon, or the process that waits until it is up in the
// background.
func (k *kaCommand) run(stderr io.Writer) (int, error) {
	prog, err := program()
	if err != nil {
		return role.DaemonFatal, err
	}
	own := load.Daemon(k.file, k.loadOptions())
	if k.namespace != "" {
		own.NetNamespace = k.namespace
	}
	if err := enterNamespace(prog, own.NetNamespace); err != nil {
		return role.DaemonFatal, err
	}
	k.ownFiles(&own)
	// The background process changes its folder: names count from here.
	for _, path := range []*string{&k.file, &k.pid, &k.vrrpPID, &k.checkersPID} {
		if *path, err = filepath.Abs(*path); err != nil {
			return role.DaemonFatal, err
		}
	}
	ready := func() {}
	if !k.foreground {
		if !inBackground() {
			return daemonise(prog, os.Args, k.daemon.Console)
		}
		ready = backgroundReady(stderr)
	}
	// Scripts inherit it, as they do from keepalived.
	syscall.Umask(k.umask)
	log, flush := logging.New(k.daemon, "parent")
	defer flush()
	for _, o := range k.noEffect {
		log.Warn("option has no effect yet", "option", o)
	}
	both := k.vrrp == k.check
	control := controlFor(k.pid, keepalivedPID)
	loadConfig := loader(k.file, k.loadOptions())
	return daemon.Run(daemon.Options{
		Options: k.daemon, Version: version, Program: prog, Argv: osArgs(), ConfigFile: k.file, ConfigID: k.configID,
		VRRP: both || k.vrrp, LVS: both || k.check, All: k.all,
		PIDFile: k.pid, VRRPPID: k.vrrpPID, LVSPID: k.checkersPID,
		Control: control, State: stateBeside(control),
		IgnoreInterrupt: k.ignoreInterrupt, UmaskFixed: k.umaskGiven,
		Check: vrrpd.Check,
		Load: func() (*config.Config, []config.Diagnostic) {
			c, diags := loadConfig()
			if k.dump && c != nil {
				logDump(log, c)
			}
			return c, diags
		},
		Refused: startExit,
		Up:      ready,
		Manager: serviceManager(log),
		Pulse:   pulse,
	}, log), nil
}

// ownFiles puts the pid files that the command line does not name where
// keepalived has them for this configuration.
func (k *kaCommand) ownFiles(d *config.Daemon) {
	dir := folderOf(keepalivedDir, d)
	for path, usual := range map[*string]string{&k.pid: keepalivedPID, &k.vrrpPID: keepalivedVRRP, &k.checkersPID: keepalivedCheck} {
		if *path == usual && dir != "" {
			*path = filepath.Join(dir, named(filepath.Base(usual), d))
		}
	}
}

// startExit is keepalived's exit code for a configuration that it does not
// start with.
func startExit(diags []config.Diagnostic) int {
	if noFile(diags) {
		return exitNoFile
	}
	return role.DaemonConfig
}

// noFile says whether there was nothing to read.
func noFile(diags []config.Diagnostic) bool {
	for _, d := range diags {
		if d.Severity == config.Error && (d.ID == "no-file" || d.Class == config.ClassFileNotFound) {
			return true
		}
	}
	return false
}

var errNotUp = errors.New("not started: the reason is in the log; keepalived -t shows what is wrong with the configuration, and -n -l logs to the terminal")
