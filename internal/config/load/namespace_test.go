package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/config"
)

// TestDaemon finds the keywords about the processes however they are written.
func TestDaemon(t *testing.T) {
	const rest = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 1\n}\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.conf"), []byte("net_namespace blue\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       config.Daemon
		skips      bool // the file is not read for it
	}{
		{"k.conf", rest, config.Daemon{}, true},
		{"k.conf", "net_namespace blue\n" + rest, config.Daemon{NetNamespace: "blue"}, false},
		{"k.conf", rest + "instance one\nuse_pid_dir", config.Daemon{Instance: "one", UsePIDDir: true}, false},
		{"k.conf", "include own.conf\n" + rest, config.Daemon{NetNamespace: "blue"}, false},
		{"k.conf", "$A=net_namespace\n$A blue\n" + rest, config.Daemon{NetNamespace: "blue"}, false},
		{"k.conf", "@one net_namespace red\n@^one net_namespace blue\n" + rest, config.Daemon{NetNamespace: "blue"}, false},
		{"k.toml", "net_namespace = \"blue\"\n", config.Daemon{NetNamespace: "blue"}, false},
		{"k.toml", "[global_defs]\nrouter_id = \"r\"\n", config.Daemon{}, true},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := Daemon(path, Options{})
		got.ChildWait = 0 // its default is given only where the file is read
		if got != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
		if (Options{}).namesProcess(path) == c.skips {
			t.Errorf("%q: reading for it is %v", c.text, !c.skips)
		}
	}
}

// A keyword is found wherever it stands in a large file, and no other word is
// taken for it where a part that is looked at begins or ends.
func TestNamesProcess(t *testing.T) {
	for _, c := range []struct {
		text  string
		names bool
	}{
		{" net_namespace ", true},
		{" instance ", true},
		{" vrrp_instance ", false},
		{" instances ", false},
	} {
		for before := scanned - len(c.text) - 20; before < scanned+20; before++ {
			for _, after := range []int{0, 1, 20, scanned} {
				text := strings.Repeat("x", before) + c.text + strings.Repeat("x", after)
				if got, err := namesProcess(strings.NewReader(text)); got != c.names || err != nil {
					t.Fatalf("%q after %d bytes and before %d: %v, %v", c.text, before, after, got, err)
				}
			}
		}
	}
}
