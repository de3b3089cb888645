package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/daemon"
	"holdfast/internal/daemon/logging"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/vrrpd"
)

// keepalived's default pid files.
const (
	keepalivedPID = "/run/keepalived.pid"
	keepalivedVRR = "/run/vrrp.pid"
	keepalivedChk = "/run/checkers.pid"
)

// kaFlags is keepalived's command line.
type kaFlags struct {
	set *pflag.FlagSet

	file, configID                   string
	vrrp, check, console, fork       bool
	detail                           int
	facility                         string
	noSyslog, dump                   bool
	keepVRRP, keepIPVS, dontRespawn  bool
	pid, vrrpPID, checkersPID        string
	test, signum                     string
	version, help, foreground, noBFD bool
	releaseVIPs                      bool
	ignored                          map[string]*string // options without effect yet, by name
}

func newKAFlags() *kaFlags {
	k := &kaFlags{set: pflag.NewFlagSet("keepalived", pflag.ContinueOnError), ignored: map[string]*string{}}
	f := k.set
	f.SortFlags = false
	f.StringVarP(&k.file, "use-file", "f", compatConfig, "configuration file or glob")
	f.BoolVarP(&k.vrrp, "vrrp", "P", false, "only VRRP, no health checks and no IPVS")
	f.BoolVarP(&k.check, "check", "C", false, "only health checks and IPVS, no VRRP")
	f.BoolVarP(&k.console, "log-console", "l", false, "log to stderr")
	f.CountVarP(&k.detail, "log-detail", "D", "detailed logging")
	f.StringVarP(&k.facility, "log-facility", "S", "daemon", "syslog facility: 0..7, local0..7, user, daemon")
	f.BoolVarP(&k.noSyslog, "no-syslog", "G", false, "do not log to syslog")
	f.BoolVarP(&k.foreground, "dont-fork", "n", false, "stay in the foreground")
	f.BoolVarP(&k.dump, "dump-conf", "d", false, "log the configuration as it was understood")
	f.StringVarP(&k.pid, "pid", "p", keepalivedPID, "pid file of the parent process")
	f.StringVarP(&k.vrrpPID, "vrrp_pid", "r", keepalivedVRR, "pid file of the vrrp process")
	f.StringVarP(&k.checkersPID, "checkers_pid", "c", keepalivedChk, "pid file of the checker process")
	f.BoolVarP(&k.dontRespawn, "dont-respawn", "R", false, "stop everything when a child process dies")
	f.BoolVarP(&k.keepVRRP, "dont-release-vrrp", "V", false, "keep the virtual addresses at stop")
	f.BoolVarP(&k.keepIPVS, "dont-release-ipvs", "I", false, "keep the IPVS table at stop")
	f.BoolVarP(&k.noBFD, "no_bfd", "B", false, "no BFD process (there is none)")
	f.BoolVarP(&k.releaseVIPs, "release-vips", "X", false, "release addresses on a transition from a signal (always so)")
	f.StringVarP(&k.configID, "config-id", "i", "", "value for @id lines")
	f.StringVarP(&k.test, "config-test", "t", "", "check the configuration and exit; complaints go to the file if one is given")
	f.Lookup("config-test").NoOptDefVal = "-"
	f.StringVar(&k.signum, "signum", "", "print the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON")
	f.BoolVarP(&k.version, "version", "v", false, "print the version")
	f.BoolVarP(&k.help, "help", "h", false, "print this text")
	// The rest of keepalived's options: taken, and said to have no effect.
	for _, o := range []struct{ long, short, noArg string }{
		{"all", "", "true"},
		{"log-file", "g", "true"},
		{"flush-log-file", "", "true"},
		{"address-monitoring", "a", "true"},
		{"namespace", "s", ""},
		{"all-config", "e", "true"},
		{"snmp", "x", "true"},
		{"snmp-agent-socket", "A", ""},
		{"umask", "u", ""},
		{"core-dump", "m", "true"},
		{"core-dump-pattern", "M", "true"},
		{"bfd_pid", "b", ""},
		{"no-mem-check", "", "true"},
		{"ignore-sigint", "", "true"},
		{"debug", "", "true"},
		{"perf", "", "true"},
	} {
		v := new(string)
		f.StringVarP(v, o.long, o.short, "", "no effect yet")
		f.Lookup(o.long).NoOptDefVal = o.noArg
		k.ignored[o.long] = v
	}
	return k
}

// keepalived runs with keepalived's command line and returns its exit code.
func keepalived(args []string, stdout, stderr io.Writer) int {
	k := newKAFlags()
	k.set.SetOutput(stderr)
	k.set.Usage = func() {}
	if err := k.set.Parse(args); err != nil {
		fmt.Fprintf(stderr, "keepalived: %v\n", err)
		return 1
	}
	if k.set.NArg() > 0 {
		fmt.Fprintf(stderr, "keepalived: unexpected argument(s): %s\n", strings.Join(k.set.Args(), " "))
		return 1
	}
	switch {
	case k.help:
		fmt.Fprintf(stdout, "Usage: keepalived [OPTION...]\nholdfast %s with the command line of keepalived.\n\n%s", version, k.set.FlagUsages())
		return 0
	case k.version:
		fmt.Fprintf(stderr, "holdfast %s, called as keepalived\n", version)
		return 0
	case k.set.Changed("signum"):
		return signum(k.signum, stdout, stderr)
	case k.set.Changed("config-test"):
		return k.configTest(stderr)
	}
	code, err := k.run(stderr)
	if err != nil {
		fmt.Fprintf(stderr, "keepalived: %v\n", err)
	}
	return code
}

func (k *kaFlags) options() load.Options {
	return load.Options{ConfigID: k.configID, Interfaces: interfaces, Users: true}
}

func (k *kaFlags) configTest(stderr io.Writer) int {
	out := stderr
	if k.test != "-" {
		f, err := os.OpenFile(k.test, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			fmt.Fprintf(stderr, "keepalived: %v\n", err)
			return 1
		}
		defer f.Close()
		out = f
	}
	_, diags := load.Load(k.file, k.options())
	for _, d := range diags {
		fmt.Fprintln(out, d)
	}
	return config.TestExit(diags)
}

// signum prints the number of the signal that keepalived gives a meaning; the
// real-time signals count from glibc's SIGRTMIN, 34.
func signum(name string, stdout, stderr io.Writer) int {
	n, ok := map[string]int{"STOP": 15, "RELOAD": 1, "DATA": 10, "STATS": 12, "STATS_CLEAR": 63, "JSON": 36}[name]
	if !ok {
		fmt.Fprintf(stderr, "Unknown sigfunc %s\n", name)
		return 1
	}
	fmt.Fprintln(stdout, n)
	return 0
}

func facilityNumber(s string) (int, error) {
	switch s {
	case "daemon":
		return 3 << 3, nil
	case "user":
		return 1 << 3, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(s, "local"))
	if err != nil || n < 0 || n > 7 {
		return 0, fmt.Errorf("log facility %q: want 0..7, local0..local7, user or daemon", s)
	}
	return (16 + n) << 3, nil
}

func (k *kaFlags) run(stderr io.Writer) (int, error) {
	facility, err := facilityNumber(k.facility)
	if err != nil {
		return 1, err
	}
	prog, err := program()
	if err != nil {
		return 1, err
	}
	// The background process changes its folder: names count from here.
	for _, path := range []*string{&k.file, &k.pid, &k.vrrpPID, &k.checkersPID} {
		if *path, err = filepath.Abs(*path); err != nil {
			return 1, err
		}
	}
	ready := func() {}
	if !k.foreground {
		done, isParent, code, err := daemonise(prog, os.Args, stderr)
		if isParent {
			return code, err
		}
		ready = done
	}
	opts := role.Options{
		Console: k.console, Facility: facility, NoSyslog: k.noSyslog, Detail: k.detail,
		DontReleaseVRRP: k.keepVRRP, DontReleaseIPVS: k.keepIPVS, DontRespawn: k.dontRespawn,
		KeepalivedNaming: true,
	}
	log, flush := logging.New(opts, "parent")
	defer flush()
	for name := range k.ignored {
		if k.set.Changed(name) {
			log.Warn("option has no effect yet", "option", "--"+name)
		}
	}
	both := k.vrrp == k.check
	loadConfig := loader(k.file, k.options())
	return daemon.Run(daemon.Options{
		Options: opts, Version: version, Program: prog, Argv: osArgs(), ConfigFile: k.file,
		VRRP: both || k.vrrp, LVS: both || k.check,
		PIDFile: k.pid, VRRPPID: k.vrrpPID, LVSPID: k.checkersPID,
		Control: controlFor(k.pid, keepalivedPID), State: stateBeside(controlFor(k.pid, keepalivedPID)),
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
	}, log), nil
}

// startExit is keepalived's exit code for a configuration that it does not
// start with.
func startExit(diags []config.Diagnostic) int {
	for _, d := range diags {
		if d.Class == config.ClassFileNotFound && d.Severity == config.Error {
			return 6
		}
	}
	return 2
}

var errNotReady = errors.New("the daemon ended before it was ready")
