package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/notifier"
)

// The tests run the program as it is, under both names: the test binary plays
// it when TEST_PROGRAM is set, which its children inherit.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_PROGRAM") != "" {
		pulse, _ = time.ParseDuration(os.Getenv("TEST_PULSE"))
		notifier.StopLimit = time.Minute // a busy machine may not have run a script within 1 s
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// programs makes links to the test binary by the two names of the program.
func programs(t *testing.T) (holdfast, keepalived string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	holdfast, keepalived = filepath.Join(dir, "holdfast"), filepath.Join(dir, "keepalived")
	for _, name := range []string{holdfast, keepalived} {
		if err := os.Symlink(self, name); err != nil {
			t.Fatal(err)
		}
	}
	return holdfast, keepalived
}

// run runs a program to its end.
func run(t *testing.T, name string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "TEST_PROGRAM=1", controlEnv+"="+filepath.Join(cmd.Dir, "none.sock"))
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	clean = "global_defs {\n router_id a\n}\nvrrp_instance A {\n interface lo\n virtual_router_id 5\n virtual_ipaddress {\n 192.0.2.10/24\n }\n}\n"
	odd   = "global_defs {\n router_id a\n rooter_id b\n}\n"
	bad   = "vrrp_instance A {\n interface lo\n virtual_router_id\n}\n"
)

func TestCommandsOfHoldfast(t *testing.T) {
	holdfast, _ := programs(t)
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string // contained
	}{
		"help":             {[]string{"--help"}, 0, "Available Commands", ""},
		"nothing":          {nil, 0, "Available Commands", ""},
		"version":          {[]string{"version"}, 0, "holdfast ", ""},
		"unknown thing":    {[]string{"set", "192.0.2.1:80", "drain"}, 1, "", `unknown command "192.0.2.1:80" for "holdfast set": one of real_server, virtual_server is wanted`},
		"unknown listing":  {[]string{"ipvs", "lst"}, 1, "", `unknown command "lst" for "holdfast ipvs": one of `},
		"unknown command":  {[]string{"dance"}, 1, "", `unknown command "dance"`},
		"unknown flag":     {[]string{"run", "--dance"}, 1, "", "unknown flag"},
		"extra argument":   {[]string{"run", "x.conf"}, 1, "", `run: "x.conf" is one argument too many: the configuration is named by --file (it is called as: holdfast run [flags])`},
		"value apart":      {[]string{"ipvs", "stats", "--watch", "5s"}, 1, "", `ipvs stats: "5s" is one argument too many: a value of --watch follows an equals sign, as in --watch=5s`},
		"no value apart":   {[]string{"ipvs", "stats", "--watch", "x"}, 1, "", `ipvs stats: "x" is one argument too many (it is called as: `},
		"value and more":   {[]string{"ipvs", "stats", "--watch=3s", "5s"}, 1, "", `ipvs stats: "5s" is one argument too many (it is called as: `},
		"no order":         {[]string{"set", "real_server", "192.0.2.1:80", "192.0.2.21:80"}, 1, "", "set real_server: an argument is missing (it is called as: holdfast set real_server SERVICE SERVER weight N|drain [TIME]|disable|enable [flags])"},
		"nothing taken":    {[]string{"realserver", "status", "--state", "/nonexistent/state.json"}, 0, "has taken no virtual address here", ""},
		"no socket":        {[]string{"status", "--control", "/nonexistent/c.sock"}, 1, "", "no daemon answers at /nonexistent/c.sock: no such file or directory: none runs, or with another socket (--control)\n"},
		"two files":        {[]string{"plan", "a.conf", "b.conf"}, 1, "", `plan: "b.conf" is one argument too many (it is called as: holdfast plan [FILE] [flags])`},
		"run --help":       {[]string{"run", "--help"}, 0, "--log-json", ""},
		"check --help":     {[]string{"check", "--help"}, 0, "--offline", ""},
		"status --help":    {[]string{"status", "--help"}, 0, "--json", ""},
		"demo --help":      {[]string{"demo", "--help"}, 0, "namespaces", ""},
		"no daemon":        {[]string{"status"}, 1, "", "no daemon answers"},
		"clean":            {[]string{"check", "--offline", write(t, clean)}, 0, "", ""},
		"odd":              {[]string{"check", "--offline", write(t, odd)}, 1, "did you mean", ""},
		"strict":           {[]string{"check", "--offline", "--strict", write(t, odd)}, 2, "error", ""},
		"bad address":      {[]string{"check", "--offline", write(t, strings.Replace(clean, "192.0.2.10/24", "192.0.2.300/24", 1))}, 1, "'192.0.2.300/24' is not an IP address", ""},
		"strict address":   {[]string{"check", "--offline", "--strict", write(t, strings.Replace(clean, "192.0.2.10/24", "192.0.2.300/24", 1))}, 2, "error: virtual_ipaddress: '192.0.2.300/24' is not an IP address", ""},
		"strict number":    {[]string{"check", "--offline", "--strict", "--json", write(t, clean+"vrrp_script x {\n script /bin/true\n interval 1O\n}\n")}, 2, `"severity": "error"`, ""},
		"strict clean":     {[]string{"check", "--offline", "--strict", write(t, clean)}, 0, "", ""},
		"strict advice":    {[]string{"check", "--offline", "--strict", write(t, "global_defs {\n notification_email {\n a@example.com\n }\n}\n"+clean)}, 1, "warning: mail is not active yet", ""},
		"bad":              {[]string{"check", "--offline", write(t, bad)}, 2, "k.conf:3:", ""},
		"json":             {[]string{"check", "--offline", "--json", write(t, bad)}, 2, `"line": 3`, ""},
		"parameter":        {[]string{"check", "--offline", write(t, "$VIP=192.0.2.10\n"+strings.Replace(clean, "192.0.2.10/24", "$VIP/24", 1))}, 1, ":9:1: warning: $VIP is not replaced where \"/\" follows the name (write ${VIP})", ""},
		"both defaults":    {[]string{"check", "--help"}, 0, defaultConfig + ", or where that is missing\n" + compatConfig, ""},
		"missing":          {[]string{"check", "/nonexistent.conf"}, 2, "/nonexistent.conf", ""},
		"completion":       {[]string{"completion", "bash"}, 0, "__start_holdfast", ""},
		"complete":         {[]string{"__complete", "st"}, 0, "status", ""},
		"keyword":          {[]string{"__complete", "keywords", "advert_"}, 0, "advert_int\nadvert_paths\n:4", ""},
		"language":         {[]string{"__complete", "convert", "--to", ""}, 0, "toml\nkeepalived\n:4", ""},
		"interface":        {[]string{"__complete", "init", "--interface", ""}, 0, "lo\n", ""},
		"no file":          {[]string{"__complete", "status", ""}, 0, ":4\n", ""},
		"no file as id":    {[]string{"__complete", "check", "-i", ""}, 0, ":4\n", ""},
		"a file":           {[]string{"__complete", "plan", ""}, 0, ":0\n", ""},
		"output":           {[]string{"__complete", "init", "-o", ""}, 0, ":0\n", ""},
		"states":           {[]string{"__complete", "sync", "dump", "--state", "S"}, 0, "SYN_SENT\n", ""},
		"no file as state": {[]string{"__complete", "sync", "dump", "--state", ""}, 0, ":4\n", ""},
		"no file as VIP":   {[]string{"__complete", "realserver", "up", ""}, 0, ":4\n", ""},
		"nor to give up":   {[]string{"__complete", "realserver", "down", ""}, 0, ":4\n", ""},
		"nor to show":      {[]string{"__complete", "realserver", "status", ""}, 0, ":4\n", ""},
		"file of state":    {[]string{"__complete", "realserver", "up", "--state", ""}, 0, ":0\n", ""},
		"required":         {[]string{"keywords", "neighbour_ip"}, 0, "behind it\n    required\n", ""},
		"no instances":     {[]string{"__complete", "explain", "--control", "/nonexistent", ""}, 0, ":4\n", ""},
		"keywords":         {[]string{"keywords", "quorum"}, 0, "quorum <1 or more>, in virtual_server\n    least sum", ""},
		"no keyword":       {[]string{"keywords", "quorom"}, 1, "", `no keyword "quorom": did you mean quorum?`},
		"nothing like it":  {[]string{"keywords", "xyzzyxyzzy"}, 1, "", "no keyword \"xyzzyxyzzy\"\n"},
		"an alias":         {[]string{"keywords", "lvs_sched"}, 0, "in virtual_server\n    lvs_sched is another name for it\n    scheduler", ""},
		"with an alias":    {[]string{"keywords", "lb_algo"}, 0, "in virtual_server\n    also written lvs_sched\n    scheduler", ""},
		"include":          {[]string{"keywords", "include"}, 0, "include PATTERN, anywhere in keepalived.conf\n    reads the files", ""},
		"a sequence":       {[]string{"keywords", "~SEQx(n, 5)", "$VIP", "@lvs1", "@^lvs1", "${_RANDOM 1 9}"}, 0, "${_RANDOM [LEAST [GREATEST]]}, anywhere", ""},
		"like include":     {[]string{"keywords", "inclued"}, 1, "", "did you mean include?"},
		"of the text":      {[]string{"__complete", "keywords", "includ"}, 0, "include\ninclude_check\nincludea\n", ""},
		"run bad":          {[]string{"run", "-f", write(t, bad)}, 2, "", "not started"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, holdfast, c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit %d, want %d\nstdout: %s\nwant: %s\nstderr: %s\nwant: %s", code, c.code, stdout, c.stdout, stderr, c.stderr)
			}
		})
	}
}

func TestKeepalivedsCommandLine(t *testing.T) {
	_, keepalived := programs(t)
	file := write(t, "global_defs {\n router_id a\n}\n") // keepalived complains of lo
	log := filepath.Join(t.TempDir(), "test.log")
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string // contained
	}{
		"help":               {[]string{"-h"}, 0, "--dont-release-vrrp", ""},
		"long help":          {[]string{"--help"}, 0, "-t, --config-test[=FILE]", ""},
		"version":            {[]string{"-v"}, 0, "", "Keepalived v"},
		"unknown short":      {[]string{"-Z"}, 1, "", "unknown option -Z"},
		"unknown long":       {[]string{"--dance"}, 1, "", "unknown option --dance"},
		"unknown in cluster": {[]string{"-nZl"}, 1, "", "unknown option -Z"},
		"no argument":        {[]string{"-f"}, 1, "", "requires an argument"},
		"needless argument":  {[]string{"--vrrp=yes"}, 1, "", "takes no argument"},
		"extra":              {[]string{"-t", "extra"}, 1, "", "unexpected argument(s): extra"},
		"ambiguous":          {[]string{"--dont"}, 1, "", "may be"},
		"namespace":          {[]string{"-s", "blue", "-f", file}, 1, "", "network namespace blue"},
		"genhash":            {[]string{"-T"}, 1, "", "not there yet"},
		"signum":             {[]string{"--signum=JSON"}, 0, "36\n", ""},
		"signum apart":       {[]string{"--signum", "RELOAD"}, 0, "1\n", ""},
		"signum unknown":     {[]string{"--signum=DANCE"}, 1, "", "Unknown sigfunc DANCE"},
		"test loopback":      {[]string{"-t", "-f", write(t, clean)}, 5, "", "k.conf:5:12: info: A: keepalived takes no loopback"},
		"test clean":         {[]string{"-t", "-f", file}, 0, "", ""},
		"test abbreviated":   {[]string{"--config-t", "--use-file=" + file}, 0, "", ""},
		"test odd":           {[]string{"-t", "-f" + write(t, odd)}, 5, "", "rooter_id"},
		"test bad":           {[]string{"-tf", file}, 1, "", ""}, // the f is the log's name
		"test missing":       {[]string{"-t", "-f", "/nonexistent.conf"}, 6, "", "/nonexistent.conf"},
		"test log":           {[]string{"-t" + log, "-f", write(t, odd)}, 5, "", ""},
		"test argument":      {[]string{"-t", "-f", write(t, bad)}, 2, "", "k.conf:3:"},
		"bad facility":       {[]string{"-S", "9", "-t", "-f", file}, 0, "", "invalid log facility"},
		"bad umask":          {[]string{"-u", "999", "-t", "-f", file}, 0, "", "invalid umask"},
		"run missing":        {[]string{"-n", "-l", "-f", "/nonexistent.conf"}, 6, "", "/nonexistent.conf"},
		"run missing toml":   {[]string{"-nlf", "/nonexistent.toml"}, 6, "", "/nonexistent.toml"},
		"run bad":            {[]string{"-nlf", write(t, bad)}, 2, "", "not started"},
		"background missing": {[]string{"-f", "/nonexistent.conf"}, 6, "", "not started"},
		"background bad":     {[]string{"-G", "-f", write(t, bad)}, 2, "", "not started"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, keepalived, c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit %d, want %d\nstdout: %s\nwant: %s\nstderr: %s\nwant: %s", code, c.code, stdout, c.stdout, stderr, c.stderr)
			}
		})
	}
	if b, err := os.ReadFile(log); err != nil || !strings.Contains(string(b), "rooter_id") {
		t.Errorf("the log of -tFILE: %q, %v", b, err)
	}
}

// Every option of keepalived 2.2.7's help is taken.
func TestEveryOptionOfKeepalivedIsTaken(t *testing.T) {
	want := map[string]byte{
		"use-file": 'f', "vrrp": 'P', "check": 'C', "no_bfd": 'B', "all": 0, "log-console": 'l', "log-detail": 'D',
		"log-facility": 'S', "no-syslog": 'G', "umask": 'u', "release-vips": 'X', "dont-release-vrrp": 'V',
		"dont-release-ipvs": 'I', "dont-respawn": 'R', "dont-fork": 'n', "dump-conf": 'd', "pid": 'p', "vrrp_pid": 'r',
		"genhash": 'T', "checkers_pid": 'c', "address-monitoring": 'a', "bfd_pid": 'b', "snmp": 'x',
		"snmp-agent-socket": 'A', "namespace": 's', "core-dump": 'm', "core-dump-pattern": 'M', "all-config": 'e',
		"config-id": 'i', "signum": 0, "config-test": 't', "version": 'v', "help": 'h',
		"log-file": 'g', "flush-log-file": 0,
	}
	seen := map[byte]string{}
	for _, o := range newKACommand().options() {
		if short, ok := want[o.long]; ok && short != o.short {
			t.Errorf("--%s is -%c, want -%c", o.long, o.short, short)
		}
		delete(want, o.long)
		if other := seen[o.short]; o.short != 0 && other != "" {
			t.Errorf("-%c is --%s and --%s", o.short, o.long, other)
		}
		seen[o.short] = o.long
	}
	for long := range want {
		t.Errorf("--%s is missing", long)
	}
}
