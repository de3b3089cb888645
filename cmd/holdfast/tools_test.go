package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFmt(t *testing.T) {
	holdfast, _ := programs(t)
	const ugly, laid = "a {\n b   c\n}\n", "a {\n    b c\n}\n"
	file := write(t, ugly)
	link := filepath.Join(t.TempDir(), "link.conf")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := run(t, holdfast, "fmt", file); code != 0 || out != laid {
		t.Errorf("%d: %q", code, out)
	}
	if code, out, _ := run(t, holdfast, "fmt", "-l", file); code != 1 || out != file+"\n" {
		t.Errorf("--list: %d %q", code, out)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := run(t, holdfast, "fmt", "-w", link); code != 0 || out+errs != "" {
		t.Errorf("--write: %d %q %q", code, out, errs)
	}
	text, err := os.ReadFile(file)
	if info, _ := os.Stat(file); err != nil || string(text) != laid || info.Mode().Perm() != 0o600 {
		t.Errorf("written %q, %v", text, err)
	}
	if info, _ := os.Lstat(link); info.Mode().Type() != os.ModeSymlink {
		t.Error("the link is gone")
	}
	if code, _, _ := run(t, holdfast, "fmt", "-l", file); code != 0 {
		t.Errorf("--list of a file that is laid out: %d", code)
	}
	if code, _, errs := run(t, holdfast, "fmt", "none.conf", "x.toml"); code != 2 || strings.Count(errs, "\n") != 2 {
		t.Errorf("%d %q", code, errs)
	}
}

func TestInit(t *testing.T) {
	holdfast, _ := programs(t)
	file := filepath.Join(t.TempDir(), "new", "holdfast.toml")
	args := []string{"init", "-i", "lo", "--vip", "192.0.2.10", "--vrid", "7", "--second", "-o", file}
	if code, out, errs := run(t, holdfast, args...); code != 0 || out+errs != "" {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	if code, out, _ := run(t, holdfast, "check", file); code != 0 {
		t.Errorf("check: %d %s", code, out)
	}
	text, _ := os.ReadFile(file)
	for _, want := range []string{`interface = "lo"`, "virtual_router_id = 7", `"192.0.2.10/32"`, "priority = 100"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if code, _, errs := run(t, holdfast, args...); code != 1 || !strings.Contains(errs, "--force") {
		t.Errorf("a file that exists: %d %q", code, errs)
	}
	if code, _, _ := run(t, holdfast, append(args, "--force")...); code != 0 {
		t.Errorf("--force: %d", code)
	}
	if code, _, errs := run(t, holdfast, append(args, "--force", "--keepalived")...); code != 1 || !strings.Contains(errs, "TOML file") {
		t.Errorf("the other language than the name says: %d %q", code, errs)
	}
	conf := filepath.Join(t.TempDir(), "k.conf")
	if code, _, errs := run(t, holdfast, "init", "-i", "lo", "--vip", "192.0.2.10", "-o", conf); code != 0 {
		t.Errorf("%d %s", code, errs)
	}
	if text, _ := os.ReadFile(conf); !strings.HasPrefix(string(text), "# First") || !strings.Contains(string(text), "vrrp_instance VI_1 {") {
		t.Errorf("not keepalived.conf:\n%s", text)
	}
	for want, args := range map[string][]string{
		"--vip is missing": {"init", "-i", "lo"},
		"not found":        {"init", "-i", "nosuch0", "--vip", "192.0.2.10"},
		"own address":      {"init", "-i", "lo", "--vip", "127.0.0.1"},
		"--peer":           {"init", "-i", "lo", "--vip", "192.0.2.10", "--peer", "lvs2"},
		"1..255":           {"init", "-i", "lo", "--vip", "192.0.2.10", "--vrid", "300"},
	} {
		if code, out, errs := run(t, holdfast, args...); code != 1 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
}

func TestConvert(t *testing.T) {
	holdfast, _ := programs(t)
	file := write(t, `! Two directors.
#
# Ask the network people before you change the VRID.
$VIP=192.0.2.10/24
vrrp_instance VI_1 {
	# the office's segment
	interface eth0 ! not eth1
	virtual_router_id 51
	virtual_ipaddress {
		$VIP # web
		@other 192.0.2.11/24
		# mail, since spring
		192.0.2.12/24
	}
}
`)
	code, out, errs := run(t, holdfast, "convert", file)
	const want = `[global_defs]
vrrp_garp_master_refresh = 0
vrrp_higher_prio_send_advert = false
lvs_follow_vrrp = "never"

# Two directors.
#
# Ask the network people before you change the VRID.
[vrrp_instance.VI_1]
# the office's segment
# not eth1
interface = "eth0"
virtual_router_id = 51
priority = 100
virtual_ipaddress = [
  # web
  "192.0.2.10/24",
  # mail, since spring
  "192.0.2.12/24",
]
`
	if code != 1 || out != want {
		t.Errorf("%d\n%s\nwant\n%s", code, out, want)
	}
	for _, s := range []string{":4: parameter $VIP=192.0.2.10/24", ":11: condition @other"} {
		if !strings.Contains(errs, s) {
			t.Errorf("%s is missing in\n%s", s, errs)
		}
	}
	// And back, where nothing is left to flatten.
	toml := filepath.Join(t.TempDir(), "h.toml")
	if code, _, errs = run(t, holdfast, "convert", file, "-o", toml); code != 1 {
		t.Fatal(code, errs)
	}
	code, out, errs = run(t, holdfast, "convert", toml)
	if code != 0 || strings.Contains(errs, "left out") || !strings.Contains(out, "        # mail, since spring\n        192.0.2.12/24\n") {
		t.Errorf("%d %s\n%s", code, errs, out)
	}
	if code, _, _ = run(t, holdfast, "convert", file, "-o", toml); code != 2 {
		t.Error("a file that exists is replaced:", code)
	}
	if code, out, errs = run(t, holdfast, "convert", write(t, "vrrp_instance A {\n}\n")); code != 2 || out != "" || !strings.Contains(errs, "interface is missing") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if code, _, _ = run(t, holdfast, "convert", "--to", "yaml", file); code != 1 {
		t.Error(code)
	}
}

// TestConvertTells: a name of a VMAC stays as old keepalived reads it, what
// others make void is listed, and so are keywords that keepalived lacks.
func TestConvertTells(t *testing.T) {
	holdfast, _ := programs(t)
	file := write(t, "global_defs {\nsmtp_server 192.0.2.25\n}\nvrrp_instance A {\nstrict_mode\ninterface eth0\nvirtual_router_id 7\nuse_vmac vx0\nauthentication {\nauth_type PASS\nauth_pass x\n}\nvirtual_ipaddress {\n192.0.2.10/24\n}\n}\n")
	code, out, errs := run(t, holdfast, "convert", "--to", "keepalived", file)
	if code != 1 || !strings.Contains(out, "    use_vmac vx0\n") || !strings.Contains(out, "smtp_server 192.0.2.25") {
		t.Errorf("%d\n%s", code, out)
	}
	if !strings.Contains(errs, "left out: vrrp_instance A: authentication (because of strict mode") || strings.Contains(errs, "left out: mail") || strings.Contains(errs, "holdfast's own") {
		t.Error(errs)
	}
	toml := filepath.Join(t.TempDir(), "h.toml")
	if err := os.WriteFile(toml, []byte("[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 7\nvirtual_ipaddress = [\"192.0.2.10/24\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs = run(t, holdfast, "convert", toml); code != 0 || !strings.Contains(errs, "lvs_follow_vrrp is holdfast's own") {
		t.Errorf("%d %s", code, errs)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "more.inc"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs = run(t, holdfast, "convert", write(t, "include "+filepath.Join(filepath.Dir(file), "more.inc")+" # why\n"+clean))
	if code != 1 || !strings.Contains(errs, "k.conf:1: the text of include /") || !strings.Contains(errs, "k.conf:1: comment # why\n") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs = run(t, holdfast, "convert", t.TempDir()); code != 2 {
		t.Errorf("a folder: %d %s", code, errs)
	}
}

// TestConvertDrops: a slip is no success, and rules of ipvsadm are told how to
// be of use.
func TestConvertDrops(t *testing.T) {
	holdfast, _ := programs(t)
	code, out, errs := run(t, holdfast, "convert", write(t, strings.Replace(clean, "interface lo", "interface lo\npriorty 120", 1)))
	if code != 1 || !strings.Contains(out, "priority = 100\n") || !strings.Contains(errs, "left out: what the warnings above are about") {
		t.Errorf("%d\n%s\n%s", code, errs, out)
	}
	code, _, errs = run(t, holdfast, "convert", write(t, "-A -t 192.0.2.1:80 -s wlc\n"))
	if code != 1 || !strings.Contains(errs, "holdfast ipvs restore") {
		t.Errorf("%d\n%s", code, errs)
	}
}

// A user that this machine has not is a warning in keepalived.conf and an error in
// TOML: the text has it, as another machine may have the user, and convert says so.
func TestConvertTellsOfAUserThatIsMissing(t *testing.T) {
	holdfast, _ := programs(t)
	file := write(t, strings.Replace(clean, "interface lo", "interface lo\nnotify_master /bin/true nosuchuser", 1))
	toml := filepath.Join(t.TempDir(), "a.toml")
	code, _, errs := run(t, holdfast, "convert", file, "-o", toml)
	if code != 1 || !strings.Contains(errs, "refused on this machine: "+toml+":") || !strings.Contains(errs, "user 'nosuchuser' does not exist") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, out, errs := run(t, holdfast, "check", toml); code != 2 || !strings.Contains(out+errs, "nosuchuser") {
		t.Errorf("check: exit code %d: %s%s", code, out, errs)
	}
	if code, out, errs := run(t, holdfast, "convert", file); code != 1 || !strings.Contains(out, "nosuchuser") || !strings.Contains(errs, "refused on this machine: the text:") {
		t.Errorf("to the standard output: exit code %d: %s%s", code, out, errs)
	}
	if code, _, errs := run(t, holdfast, "convert", toml); code != 0 {
		t.Errorf("back: exit code %d: %s", code, errs)
	}
}

// What convert says of comments that it cannot keep ends in logs.
func TestConvertShowsNoPassword(t *testing.T) {
	for comment, want := range map[string]string{
		"auth_pass 12345678": "", "the PASSWORD is x": "", "key_file /etc/k": "", "uplink of rack 4": " # uplink of rack 4",
	} {
		if got := shown(comment); got != want {
			t.Errorf("%q is shown as %q, want %q", comment, got, want)
		}
	}
}
