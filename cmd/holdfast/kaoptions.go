package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"holdfast/internal/daemon/role"
)

// keepalived's default places and file creation mask.
const (
	keepalivedPID   = "/run/keepalived.pid"
	keepalivedVRRP  = "/run/vrrp.pid"
	keepalivedCheck = "/run/checkers.pid"
	keepalivedDir   = "/run/keepalived" // with instance, net_namespace or use_pid_dir
	keepalivedUmask = 0o177
)

// kaCommand is keepalived's command line.
type kaCommand struct {
	file     string // -f
	configID string // -i
	daemon   role.Options

	namespace  string // -s
	allConfig  bool   // -e
	umask      int
	umaskGiven bool // -u

	vrrp, check, all bool // -P, -C, --all
	foreground       bool // -n
	dump             bool // -d
	ignoreInterrupt  bool

	pid, vrrpPID, checkersPID string

	// What is done instead of running.
	test     bool
	testLog  string // -t FILE; empty: stderr
	signum   string
	version  bool
	help     bool
	noEffect []string // options given that do nothing here
	wrong    []string // values that keepalived complains about and goes on without
}

func newKACommand() *kaCommand {
	return &kaCommand{
		file: compatConfig, umask: keepalivedUmask,
		daemon: role.Options{KeepalivedNaming: true, Facility: 3 << 3},
		pid:    keepalivedPID, vrrpPID: keepalivedVRRP, checkersPID: keepalivedCheck,
	}
}

// options are those of keepalived 2.2.7 and 2.4, in the order of its help.
func (k *kaCommand) options() []option {
	flag := func(p *bool) func(string) error {
		return func(string) error { *p = true; return nil }
	}
	text := func(p *string) func(string) error {
		return func(v string) error { *p = v; return nil }
	}
	none := func(string) error { return nil }
	// An option whose absence changes what happens says so.
	later := func(long string) func(string) error {
		return func(string) error { k.noEffect = append(k.noEffect, "--"+long); return nil }
	}
	refuse := func(why string) func(string) error {
		return func(string) error { return errors.New(why) }
	}
	opt := func(long string, short byte, t takes, arg, usage string, set func(string) error) option {
		return option{long, short, t, arg, usage, set}
	}
	const noYet = " (no effect yet)"
	return []option{
		opt("use-file", 'f', required, "FILE", "configuration file or pattern, default "+compatConfig, text(&k.file)),
		opt("vrrp", 'P', nothing, "", "run VRRP only", flag(&k.vrrp)),
		opt("check", 'C', nothing, "", "run health checks and IPVS only", flag(&k.check)),
		opt("no_bfd", 'B', nothing, "", "run no BFD process (there is none)", none),
		opt("all", 0, nothing, "", "run both processes even without configuration for them", flag(&k.all)),
		opt("log-console", 'l', nothing, "", "log to stderr", flag(&k.daemon.Console)),
		opt("log-detail", 'D', nothing, "", "log details", func(string) error { k.daemon.Detail++; return nil }),
		opt("log-facility", 'S', required, "FACILITY", "syslog facility: 0 to 7, local0 to local7, user or daemon", k.setFacility),
		opt("no-syslog", 'G', nothing, "", "do not log to syslog", flag(&k.daemon.NoSyslog)),
		opt("log-file", 'g', optional, "FILE", "log to files"+noYet, later("log-file")),
		opt("flush-log-file", 0, nothing, "", "write log files line by line"+noYet, later("flush-log-file")),
		opt("umask", 'u', required, "MASK", "mask of file modes, default 0177", k.setUmask),
		opt("release-vips", 'X', nothing, "", "remove addresses on a transition from a signal (always so)", none),
		opt("dont-release-vrrp", 'V', nothing, "", "keep the virtual addresses at stop", flag(&k.daemon.DontReleaseVRRP)),
		opt("dont-release-ipvs", 'I', nothing, "", "keep the IPVS table at stop", flag(&k.daemon.DontReleaseIPVS)),
		opt("dont-respawn", 'R', nothing, "", "stop everything when a child process dies", flag(&k.daemon.DontRespawn)),
		opt("dont-fork", 'n', nothing, "", "stay in the foreground", flag(&k.foreground)),
		opt("dump-conf", 'd', nothing, "", "log the configuration as it was understood", flag(&k.dump)),
		opt("pid", 'p', required, "FILE", "pid file of the parent process, default "+keepalivedPID, text(&k.pid)),
		opt("vrrp_pid", 'r', required, "FILE", "pid file of the vrrp process, default "+keepalivedVRRP, text(&k.vrrpPID)),
		opt("checkers_pid", 'c', required, "FILE", "pid file of the lvs process, default "+keepalivedCheck, text(&k.checkersPID)),
		opt("bfd_pid", 'b', required, "FILE", "pid file of the BFD process (there is none)", none),
		opt("genhash", 'T', nothing, "", "not there yet", refuse("genhash is not there yet")),
		opt("address-monitoring", 'a', nothing, "", "log all changes of addresses"+noYet, later("address-monitoring")),
		opt("snmp", 'x', nothing, "", "SNMP"+noYet, later("snmp")),
		opt("snmp-agent-socket", 'A', required, "FILE", "SNMP master agent"+noYet, later("snmp-agent-socket")),
		opt("namespace", 's', required, "NAME", "run in this network namespace, whatever net_namespace says", text(&k.namespace)),
		opt("core-dump", 'm', nothing, "", "core dumps"+noYet, later("core-dump")),
		opt("core-dump-pattern", 'M', optional, "PATTERN", "core pattern"+noYet, later("core-dump-pattern")),
		opt("all-config", 'e', nothing, "", "every include must be there", flag(&k.allConfig)),
		opt("config-id", 'i', required, "ID", "the value for lines that begin with @id, default the host's name", text(&k.configID)),
		opt("signum", 0, required, "NAME", "print the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON", text(&k.signum)),
		opt("config-test", 't', optional, "FILE", "check the configuration and exit; complaints go to stderr or the file", func(v string) error {
			k.test, k.testLog = true, v
			return nil
		}),
		opt("ignore-sigint", 0, nothing, "", "SIGINT does not stop the daemon", flag(&k.ignoreInterrupt)),
		opt("no-mem-check", 0, nothing, "", "for debugging keepalived"+noYet, none),
		opt("debug", 0, optional, "LIST", "for debugging keepalived"+noYet, later("debug")),
		opt("perf", 0, optional, "LIST", "for debugging keepalived"+noYet, later("perf")),
		opt("version", 'v', nothing, "", "print the version", flag(&k.version)),
		opt("help", 'h', nothing, "", "print this text", flag(&k.help)),
	}
}

func (k *kaCommand) setFacility(s string) error {
	switch s {
	case "daemon":
		k.daemon.Facility = 3 << 3
		return nil
	case "user":
		k.daemon.Facility = 1 << 3
		return nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(s, "local"))
	if err != nil || n < 0 || n > 7 {
		k.wrong = append(k.wrong, fmt.Sprintf("invalid log facility %q: want 0 to 7, local0 to local7, user or daemon", s))
		return nil
	}
	k.daemon.Facility = (16 + n) << 3
	return nil
}

func (k *kaCommand) setUmask(s string) error {
	n, err := strconv.ParseUint(s, 0, 16)
	if err != nil || n > 0o777 {
		k.wrong = append(k.wrong, fmt.Sprintf("invalid umask %q: want a number from 0 to 0777", s))
		return nil
	}
	k.umask, k.umaskGiven = int(n), true
	return nil
}
