package uml

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// envDirect marks a test process that RunTest started outside the guest.
const envDirect = "HOLDFAST_IPVS_NETNS"

// T is what is needed of a *testing.T. The program has this package in it, for its
// demo, and package testing would come with it: flags, profiles of memory.
type T interface {
	Helper()
	Name() string
	Context() context.Context
	TempDir() string
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Log(args ...any)
	Logf(format string, args ...any)
	Skip(args ...any)
	Skipf(format string, args ...any)
}

// RunTest makes sure that the rest of the calling test runs where IPVS is.
// Where it is already it returns false and the test goes on; otherwise it runs
// this one test again, in the IPVS kernel or (on a kernel that has IPVS) in a
// network namespace of its own, reports what came of it, and returns true:
//
//	func TestKernel(t T) {
//		if uml.RunTest(t, uml.Options{}) {
//			return
//		}
//		… // root, IPVS, and a network of its own
//	}
//
// Options.Command and Pin are set by RunTest. Where this cannot be done the test is
// skipped, or fails under HOLDFAST_REQUIRE=1.
func RunTest(t T, o Options) bool {
	t.Helper()
	if Inside() || os.Getenv(envDirect) != "" {
		return false
	}
	if os.Geteuid() != 0 {
		need(t, "needs root")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pattern := "^" + regexp.QuoteMeta(t.Name()) + "$"
	args := []string{exe, "-test.run=" + strings.ReplaceAll(pattern, "/", "$/^"), "-test.v", "-test.count=1"}
	if f := flag.Lookup("test.parallel"); f != nil {
		args = append(args, "-test.parallel="+f.Value.String())
	}
	if HasIPVS() {
		sh := "ip link set lo up && exec \"$@\""
		cmd := exec.Command("unshare", append([]string{"--net", "--mount", "sh", "-c", sh, "sh"}, args...)...)
		cmd.Env = append(append(os.Environ(), envDirect+"=1"), o.Env...)
		out, err := cmd.CombinedOutput()
		report(t, string(out), err == nil)
		return true
	}
	if err := Available(); err != nil {
		need(t, err.Error())
	}
	if raceEnabled {
		args[0] = plainBinary(t)
	}
	o.Command, o.Pin = args, true
	for _, name := range []string{"HOLDFAST_REQUIRE", "CI"} {
		if v, ok := os.LookupEnv(name); ok {
			o.Env = append(o.Env, name+"="+v)
		}
	}
	begun := time.Now()
	res, err := Run(t.Context(), o)
	// It is the kernel that did not end as it should. One that never ends has had
	// the time that there is, unless that was short.
	if err != nil && time.Since(begun) < 6*time.Minute {
		t.Logf("once more, as %v", err)
		if res, err = Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if res.Exit != 0 && res.Serial != "" {
		t.Logf("kernel:\n%s", res.Serial)
	}
	report(t, res.Output, res.Exit == 0)
	return true
}

// plainBinary builds the test binary of the calling package, in whose folder
// tests run, without the race detector.
func plainBinary(t T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain.test")
	cmd := exec.Command("go", "test", "-c", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the test binary for the IPVS kernel: %v\n%s", err, out)
	}
	return path
}

func report(t T, out string, ok bool) {
	t.Helper()
	switch {
	case !ok:
		t.Errorf("in the IPVS kernel:\n%s", out)
	case !strings.Contains(out, "--- PASS: "+t.Name()) && !strings.Contains(out, "--- SKIP: "+t.Name()):
		t.Errorf("the test did not run in the IPVS kernel:\n%s", out)
	case strings.Contains(out, "--- SKIP: "+t.Name()):
		t.Skipf("in the IPVS kernel:\n%s", out)
	default:
		t.Logf("in the IPVS kernel:\n%s", out)
	}
}

func need(t T, why string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
