package load_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// rootDir returns a folder whose path only root can write to: TempDir is below
// the sticky /tmp, which counts as such.
func rootDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: only programs that run as root are looked at")
	}
	return t.TempDir()
}

func program(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// onMachine loads text with the programs and users of this machine looked at.
func onMachine(name, text string) (*config.Config, []config.Diagnostic) {
	opts := memory(map[string]string{name: text})
	opts.Users = true
	return load.Load(name, opts)
}

func find(diags []config.Diagnostic, id string) []config.Diagnostic {
	return slices.DeleteFunc(slices.Clone(diags), func(d config.Diagnostic) bool { return d.ID != id })
}

// TestInsecurePrograms: the exit codes are those of keepalived 2.2.7.
func TestInsecurePrograms(t *testing.T) {
	dir := rootDir(t)
	good := program(t, dir, "good.sh")
	if err := os.Mkdir(filepath.Join(dir, "open"), 0o755); err != nil {
		t.Fatal(err)
	}
	bad := program(t, filepath.Join(dir, "open"), "bad.sh")
	if err := os.Chmod(filepath.Dir(bad), 0o777); err != nil {
		t.Fatal(err)
	}
	const global = "global_defs {\n enable_script_security\n script_user root\n}\n"
	script := func(path, more string) string { return "vrrp_script s {\n script " + path + more + "\n}\n" }
	const track = " track_script { s }"
	tests := []struct {
		name, text    string
		exit, tracked int
		id            string
		line          int
	}{
		{"good", global + script(good, "") + instance(track), 0, 1, "", 0},
		{"insecure", global + script(bad, "") + instance(track), 5, 0, "script-insecure", 5},
		{"with arguments", global + script(`"`+bad+` a b"`, "") + instance(track), 5, 0, "script-insecure", 5},
		{"not tracked", global + script(bad, "") + instance(""), 5, 0, "script-insecure", 5},
		{"no instance", global + script(bad, "") + server("", ""), 0, 0, "script-insecure", 5},
		{"without security", script(bad, "") + instance(track), 6, 1, "script-security", 0},
		{"not as root", global + script(bad, "\n user nobody") + instance(track), 0, 1, "", 0},
		{"missing and not tracked", global + script(dir+"/none", "") + instance(""), 5, 0, "script-not-found", 5},
		{"notify", global + instance(" notify_master "+bad+"\n notify_backup "+bad), 0, 0, "script-insecure", 11},
		{"notify missing", global + instance(" notify_master "+dir+"/none"), 0, 0, "script-not-found", 11},
		{"check", global + server("", " MISC_CHECK {\n misc_path "+bad+"\n }"), 0, 0, "script-insecure", 12},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			cfg, diags := onMachine("k.conf", tc.text)
			if cfg == nil {
				t.Fatal(diags)
			}
			if got := config.TestExit(diags); got != tc.exit {
				t.Errorf("exit code %d, keepalived gives %d: %v", got, tc.exit, diags)
			}
			if len(cfg.Instances) > 0 && len(cfg.Instances[0].TrackScripts) != tc.tracked {
				t.Errorf("tracked: %v, want %d", cfg.Instances[0].TrackScripts, tc.tracked)
			}
			switch found := find(diags, tc.id); {
			case tc.id == "" && len(diags) > 0:
				t.Errorf("findings: %v", diags)
			case tc.id != "" && (len(found) != 1 || found[0].Pos.Line != tc.line):
				t.Errorf("%v, want one %s in line %d", diags, tc.id, tc.line)
			case tc.id == "script-insecure" && !strings.Contains(found[0].Text, "everybody may write "+filepath.Dir(bad)):
				t.Errorf("%v does not say why", found[0])
			}
		})
	}

	cfg, diags := onMachine("k.toml", `
[global_defs]
enable_script_security = true
script_user = "root"
[vrrp_script.s]
script = "`+bad+`"
[vrrp_instance.A]
interface = "eth0"
virtual_router_id = 1
virtual_ipaddress = ["10.0.0.1"]
track_script = ["s"]
`)
	if cfg == nil || len(cfg.Instances[0].TrackScripts) != 1 {
		t.Fatalf("TOML keeps an insecure script, which then fails: %v", diags)
	}
	if found := find(diags, "script-insecure"); len(found) != 1 || !strings.Contains(found[0].Text, "it counts as failed") {
		t.Errorf("TOML: %v", diags)
	}

	// Nothing of this machine is looked at without Users.
	if _, diags := conf(global + script(bad, "") + instance(track+"\n notify "+dir+"/none")); len(diags) > 0 {
		t.Errorf("without the machine: %v", diags)
	}
}

// TestProgramsThatCannotBeRun: each is a warning at every keyword, with the reason,
// which does not count for the exit code of -t where keepalived says nothing. A
// vrrp_script without its interpreter is as good as one that is not there: for
// keepalived 2.2.7 it succeeds, as it cannot be run.
func TestProgramsThatCannotBeRun(t *testing.T) {
	dir := rootDir(t)
	script := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const global = "global_defs {\n enable_script_security\n script_user root\n}\n"
	for path, why := range map[string]string{
		dir + "/none":                            "does not exist",
		"no-such-program":                        "does not exist",
		dir:                                      "is a folder",
		script("plain", "#!/bin/sh\n", 0o644):    "is not executable (chmod +x)",
		script("lost", "#!/none/sh -e\n", 0o755): `has the interpreter "/none/sh" in its first line, which does not exist`,
		script("dos", "#!/bin/sh\r\n\r\n", 0o755): `has the interpreter "/bin/sh\r" in its first line, which does not exist (the lines of the file end as on Windows)`,
	} {
		for _, tc := range []struct {
			text, want string
			line       int
		}{
			{instance(" notify_master " + path + "\n notify_fault \"" + path + " x\""), "notify_master: " + path + " " + why, 11},
			{instance(" notify_master " + path + "\n notify_fault \"" + path + " x\""), "notify_fault: " + path + " " + why, 12},
			{server("", " notify_up "+path), "notify_up: " + path + " " + why, 11},
			{server(" quorum_up "+path, ""), "quorum_up: " + path + " " + why, 9},
			{server("", " MISC_CHECK {\n misc_path "+path+"\n }\n MISC_CHECK {\n misc_path "+path+"\n }"), "misc_path: " + path + " " + why + ": the check is left out, and the server stays in service without it (and in 1 more)", 12},
		} {
			_, diags := onMachine("k.conf", global+tc.text)
			i := slices.IndexFunc(diags, func(d config.Diagnostic) bool { return d.Text == tc.want })
			if i < 0 || diags[i].Severity != config.Warning || diags[i].Pos.Line != tc.line || config.TestExit(diags) != 0 {
				t.Errorf("%v, want %s with exit code 0", diags, tc.want)
			}
		}
		// Without the check the server stays in service; in TOML it fails.
		check := server("", " MISC_CHECK {\n misc_path "+path+"\n }\n TCP_CHECK {\n }")
		if cfg, diags := onMachine("k.conf", global+check); cfg == nil || len(cfg.VirtualServers[0].RealServers[0].Checkers()) != 1 {
			t.Errorf("%s: the check is not left out: %v", path, diags)
		}
		text := "[[virtual_server]]\nip = \"10.0.0.1\"\nport = 80\nprotocol = \"TCP\"\nlb_algo = \"rr\"\nlb_kind = \"DR\"\n[[virtual_server.real_server]]\nip = \"10.0.0.2\"\nport = 80\nMISC_CHECK = [{misc_path = \"" + path + "\"}]\n"
		cfg, diags := onMachine("k.toml", text)
		if cfg == nil || len(cfg.VirtualServers[0].RealServers[0].Checkers()) != 1 ||
			!slices.ContainsFunc(diags, func(d config.Diagnostic) bool {
				return d.Text == "misc_path: "+path+" "+why+": the check fails each time"
			}) {
			t.Errorf("%s: %v", path, diags)
		}
		track := "vrrp_script s {\n script " + path + "\n}\n" + instance(" track_script { s }")
		cfg, diags = onMachine("k.conf", global+track)
		exit := 5
		if strings.HasPrefix(why, "has the interpreter") {
			exit = 0
		}
		if len(diags) != 1 || diags[0].Text != "vrrp_script s: "+path+" "+why+": it is not tracked" || diags[0].Severity != config.Warning || config.TestExit(diags) != exit {
			t.Errorf("%v, exit code %d, want %s with %d", diags, config.TestExit(diags), why, exit)
		}
		if cfg == nil || len(cfg.Instances[0].TrackScripts) != 0 {
			t.Errorf("%s: tracked", path)
		}
	}
}

// TestProgramsOfTheParent: the exit codes are those of keepalived 2.2.7 -t.
func TestProgramsOfTheParent(t *testing.T) {
	dir := rootDir(t)
	good := program(t, dir, "good.sh")
	const def = 10 * time.Second
	for _, tc := range []struct {
		lines string
		exit  int
		args  string // of startup_script
		limit time.Duration
	}{
		{"startup_script " + good, 0, good, def},
		{"startup_script \"" + good + " 'a b'\" root root", 0, good + " a b", def},
		{"startup_script " + good + " no-such-user", 5, "", def},
		{"startup_script " + good + " root no-such-group", 5, "", def},
		{"startup_script " + good + "\nstartup_script /bin/other", 5, good, def},
		{"startup_script", 5, "", def},
		{"startup_script \"\"", 5, "", def},
		{"startup_script " + dir + "/none", 0, dir + "/none", def},
		{"startup_script_timeout 1000", 0, "", 1000 * time.Second},
		{"startup_script_timeout 5\nstartup_script_timeout 6", 0, "", 6 * time.Second},
		{"startup_script_timeout 0", 5, "", def},
		{"startup_script_timeout 1001", 5, "", def},
		{"startup_script_timeout ten", 5, "", def},
		{"startup_script_timeout", 5, "", def},
		{"shutdown_script_timeout 0", 5, "", def},
		{"shutdown_script " + good + " no-such-user", 5, "", def},
	} {
		cfg, diags := onMachine("k.conf", "global_defs {\n enable_script_security\n script_user root\n"+tc.lines+"\n}\n"+instance(""))
		if cfg == nil {
			t.Errorf("%s: %v", tc.lines, diags)
			continue
		}
		if got := config.TestExit(diags); got != tc.exit {
			t.Errorf("%s: exit code %d, keepalived gives %d: %v", tc.lines, got, tc.exit, diags)
		}
		g := &cfg.Global
		if args := strings.Join(g.StartupScript.Args, " "); args != tc.args || g.StartupScriptTimeout != tc.limit {
			t.Errorf("%s: %q for %v, want %q for %v", tc.lines, args, g.StartupScriptTimeout, tc.args, tc.limit)
		}
	}
	cfg, diags := onMachine("k.toml", "[global_defs]\nenable_script_security = true\nscript_user = \"root\"\nshutdown_script = \""+good+" x\"\nshutdown_script_timeout = 3\n")
	if cfg == nil || !slices.Equal(cfg.Global.ShutdownScript.Args, []string{good, "x"}) || cfg.Global.ShutdownScriptTimeout != 3*time.Second {
		t.Errorf("TOML: %v", diags)
	}
}

// TestIdleConditions: a file of whose lines with an id none counts says so.
func TestIdleConditions(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"none", instance(" @a priority 101\n @b priority 102\n @a nopreempt"), "k.conf:7: no line with @a, @b counts: the configuration id is 'vm'"},
		{"one", instance(" @a priority 101\n @vm priority 102"), ""},
		{"others", instance(" @^a priority 101"), ""},
		{"no condition", instance(""), ""},
	}
	for _, tc := range tests {
		opts := memory(map[string]string{"k.conf": tc.text})
		opts.ConfigID = "vm"
		_, diags := load.Load("k.conf", opts)
		found := find(diags, "no-such-id")
		if tc.want == "" {
			if len(found) > 0 {
				t.Errorf("%s: %v", tc.name, found)
			}
			continue
		}
		if len(found) != 1 || !strings.Contains(found[0].Text, strings.SplitN(tc.want, ": ", 2)[1]) || found[0].Pos.Line != 7 || config.TestExit(diags) != 0 {
			t.Errorf("%s: %v, want %s", tc.name, diags, tc.want)
		}
	}
}
