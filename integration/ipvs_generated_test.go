package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// equalGenerated has configurations that a generator made, in both languages:
// the tables are equal at start, after reloads and after the stop. A seed that
// fails is printed. HOLDFAST_IPVS_SEED says which is the first one and
// HOLDFAST_IPVS_SEEDS how many there are; with either nothing else is run.
func equalGenerated(t *testing.T) {
	first, count := envNumber(t, envSeed, 1), envNumber(t, envSeeds, 1)
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			equalSeed(t, uint64(seed))
		})
	}
}

const (
	envSeed  = "HOLDFAST_IPVS_SEED"
	envSeeds = "HOLDFAST_IPVS_SEEDS"
)

// seedsAsked reports whether somebody looks for a seed that fails.
func seedsAsked() bool { return os.Getenv(envSeed)+os.Getenv(envSeeds) != "" }

func envNumber(t *testing.T, env string, otherwise int) int {
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

func equalSeed(t *testing.T, seed uint64) {
	g := newIPVSGen(seed)
	var last confs
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("HOLDFAST_IPVS_SEED=%d; the last configuration was\n%s", seed, last.conf)
		}
	})
	next := func() confs {
		last = confs{conf: g.conf()}
		last.toml = converted(t, last.conf)
		return last
	}
	s := sideBySide(t, true)
	s.start(next(), "-C")
	s.same("start", 0, "service ", "dest ")
	for _, when := range []string{"reload", "second reload"} {
		g.reload()
		s.reload(next())
		s.same(when, 0)
	}
	s.stop("no service", "no dest", "timeouts tcp 900 tcpfin 120 udp 300")
}

// converted is a keepalived.conf as TOML, made by the program under test.
func converted(t *testing.T, conf string) string {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "generated.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(prog, "convert", file)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("convert: %v\n%s", err, exit.Stderr)
	}
	return string(out)
}
