package lab

import (
	"os"
	"os/exec"
	"path/filepath"
)

// TB is what is needed of a testing.TB. The program has the lab in it, for its
// demo, and package testing would come with it: flags, profiles of memory.
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Error(args ...any)
	Fatal(args ...any)
	Logf(format string, args ...any)
	Skip(args ...any)
}

// Require skips the test, or fails it under HOLDFAST_REQUIRE=1, when a lab
// cannot be built or one of the programs is not installed.
func Require(t TB, programs ...string) {
	t.Helper()
	if err := Available(); err != nil {
		Missing(t, err.Error())
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			Missing(t, p+" is not installed (make deps)")
		}
	}
}

// Missing skips the test with the reason, or fails it under HOLDFAST_REQUIRE=1.
func Missing(t TB, why string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Test is a lab that ends with the test; when the test failed, what every
// program printed is shown.
func Test(t TB, name string) *Lab {
	t.Helper()
	Require(t)
	l, err := New(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, h := range l.Hosts() {
				h.mu.Lock()
				procs := append([]*Process(nil), h.procs...)
				h.mu.Unlock()
				for _, p := range procs {
					t.Logf("--- %s: %v\n%s", h.Name, p.cmd.Args[4:], tail(p.Log(), 8000))
				}
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}

// RequireFRR is Require for FRR's daemons, which are not in the PATH.
func RequireFRR(t TB) {
	t.Helper()
	Require(t, "vtysh")
	for _, p := range []string{"zebra", "vrrpd"} {
		if _, err := os.Stat(filepath.Join(frrDaemons, p)); err != nil {
			Missing(t, "FRR's "+p+" is not installed (make deps)")
		}
	}
}
