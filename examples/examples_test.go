// Package examples_test checks that the examples are what they say: complete
// pairs that load without complaint and mean the same in both languages.
package examples_test

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// pairs are the set-ups that there must be an example of.
var pairs = []string{
	"dual-master", "fwmark-persistence", "local-node", "lvs-dr-pair", "lvs-nat-pair",
	"lvs-tun-pair", "nginx-ha", "single-director", "two-uplinks",
}

func TestPairsAreComplete(t *testing.T) {
	for _, ext := range []string{".conf", ".toml"} {
		files, err := filepath.Glob("*" + ext)
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, f := range files {
			have = append(have, strings.TrimSuffix(f, ext))
		}
		slices.Sort(have)
		if diff := cmp.Diff(pairs, have); diff != "" {
			t.Errorf("*%s (-want +have):\n%s", ext, diff)
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pairs {
		if !strings.Contains(string(readme), "["+name+"]("+name+".conf)") {
			t.Errorf("README.md does not list %s", name)
		}
	}
}

// mustLoad loads a file in which nothing may be found that is worse than Info.
func mustLoad(t *testing.T, path string) *config.Config {
	t.Helper()
	interfaces := func() map[string]bool { return map[string]bool{"lo": true, "eth0": true, "eth1": true} }
	cfg, diags := load.Load(path, load.Options{Interfaces: interfaces})
	for _, d := range diags {
		if d.Severity > config.Info {
			t.Errorf("%s", d)
		}
	}
	if cfg == nil {
		t.Fatalf("%s: no configuration", path)
	}
	return cfg
}

func TestPairsMeanTheSame(t *testing.T) {
	languages := cmp.Options{
		cmpopts.IgnoreFields(config.Config{}, "Files"),
		// The defaults that the languages do not share: TOML refreshes
		// announcements every minute.
		cmpopts.IgnoreFields(config.GARP{}, "Refresh"),
		cmpopts.IgnoreFields(config.GlobalDefs{}, "HigherPrioSendAdvert"), // and a master yields with one more advert
		cmpopts.IgnoreFields(config.VRRPInstance{}, "HigherPrioSendAdvert"),
		cmpopts.IgnoreFields(config.GlobalDefs{}, "LVSFollowVRRP"),
		cmpopts.IgnoreFields(config.Checker{}, "VerifyTLS"),
		cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
	}
	for _, name := range pairs {
		t.Run(name, func(t *testing.T) {
			conf := mustLoad(t, name+".conf")
			toml := mustLoad(t, name+".toml")
			if diff := cmp.Diff(conf, toml, languages); diff != "" {
				t.Errorf("-conf +toml:\n%s", diff)
			}
			if len(conf.Instances)+len(conf.VirtualServers) == 0 {
				t.Error("neither a virtual router nor a service in it")
			}
		})
	}
}

// TestComments checks that the comments of a pair say the same and answer what
// a reader asks.
func TestComments(t *testing.T) {
	for _, name := range pairs {
		var comments []string
		for _, ext := range []string{".conf", ".toml"} {
			text, err := os.ReadFile(name + ext)
			if err != nil {
				t.Fatal(err)
			}
			comment, _, _ := strings.Cut(string(text), "\n\n")
			for _, want := range []string{"# " + name + ": ", "# For: ", "Use it", "# Change: ", " other "} {
				if !strings.Contains(comment, want) {
					t.Errorf("%s%s: the comment lacks %q", name, ext, want)
				}
			}
			i := strings.LastIndex(comment, "# The same in the other language:")
			if i < 0 {
				t.Errorf("%s%s: no pointer to the other language", name, ext)
				continue
			}
			comments = append(comments, comment[:i])
		}
		if diff := cmp.Diff(comments[0], comments[len(comments)-1]); diff != "" {
			t.Errorf("%s: the comments differ:\n%s", name, diff)
		}
	}
}

func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, s := range scripts {
		info, err := os.Stat(s)
		if err != nil {
			t.Fatal(err)
		}
		// Who may write depends on the umask of whoever took the files out.
		if info.Mode().Perm()&0o755 != 0o755 {
			t.Errorf("%s: mode %v, want 0755 at least", s, info.Mode().Perm())
		}
		if out, err := exec.Command("sh", "-n", s).CombinedOutput(); err != nil {
			t.Errorf("sh -n %s: %v\n%s", s, err, out)
		}
	}
}
