package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// equalGenerated has configurations that a generator made, in both languages:
// the tables are equal at start, after reloads and after the stop. A seed that
// fails is printed. HOLDFAST_IPVS_SEED says which is the first one and
// HOLDFAST_IPVS_SEEDS how many there are; with either nothing else is run. With
// even seeds servers are checked, and fail and recover between the reloads.
func equalGenerated(t *testing.T) {
	if !seedsAsked() {
		t.Run("unchecked", patiently(func(t testing.TB) {
			equalSeed(t, newIPVSGen(1, 26, false, false), 2)
		}))
		for seed := range uint64(2) {
			t.Run(fmt.Sprint("checked ", seed), patiently(func(t testing.TB) {
				equalSeed(t, newIPVSGen(seed, 6, true, false), 1)
			}))
		}
		return
	}
	first, count := envNumber(t, envSeed, 1), envNumber(t, envSeeds, 1)
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint("seed ", seed), patiently(func(t testing.TB) {
			t.Logf("%s=%d", envSeed, seed)
			equalSeed(t, newIPVSGen(uint64(seed), 26, seed%2 == 0, true), 2)
		}))
	}
}

const (
	envSeed  = "HOLDFAST_IPVS_SEED"
	envSeeds = "HOLDFAST_IPVS_SEEDS"
)

// seedsAsked reports whether somebody looks for a seed that fails.
func seedsAsked() bool { return os.Getenv(envSeed)+os.Getenv(envSeeds) != "" }

func envNumber(t testing.TB, env string, otherwise int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

func equalSeed(t testing.TB, g *ipvsGen, reloads int) {
	var last confs
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last configuration was\n%s", last.conf)
		}
	})
	next := func() confs {
		last = confs{conf: g.conf()}
		last.toml = converted(t, last.conf)
		return last
	}
	s := sideBySide(t, true)
	if g.checks {
		s.often = 4
	}
	const foreign = "203.0.113.251"
	s.run("ipvsadm", "-A", "-t", foreign+":25", "-s", "rr")
	same := func(when string, want ...string) {
		t.Helper()
		if s.same(when, 0, want...); t.Failed() {
			t.FailNow() // the rest would differ as well, and each takes its time
		}
	}
	var want []string
	health := func() {
		t.Helper()
		if g.checks {
			want = g.health.set(t, s, g.programs)
		}
	}
	args := []string{"-C"}
	roles := []string{"dest of"} // before it all are equal
	if g.instance {
		args, roles = nil, append(roles, "daemon role 1 ", "no daemon role 2 ")
	}
	health()
	s.start(next(), args...)
	same("start", append(slices.Clone(want), roles...)...)
	for i := range reloads {
		when := fmt.Sprint("reload ", i+1)
		g.reload()
		s.reload(next())
		same(when, want...)
		g.health.draw(g)
		if health(); g.checks {
			same("health after the "+when, want...)
		}
	}
	if slices.Contains(g.global, "lvs_flush") || g.flushes("") {
		s.stop("no service", "no dest", "no daemon", "timeouts tcp 900 tcpfin 120 udp 300")
	} else {
		s.stop(foreign, "no dest", "no daemon", "timeouts tcp 900 tcpfin 120 udp 300")
	}
}

// converted is a keepalived.conf as TOML, made by the program under test.
func converted(t testing.TB, conf string) string {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "generated.conf")
	// A path has to be one, whoever's folder it is going to be in.
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(conf, "DIR", "/DIR")), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(prog, "convert", file)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("convert: %v\n%s", err, exit.Stderr)
	}
	return strings.ReplaceAll(string(out), "/DIR", "DIR")
}
