package ipvs_test

import (
	"os/exec"
	"testing"

	"holdfast/ipvs"
)

func open(t *testing.T) ipvs.Kernel {
	t.Helper()
	k, err := ipvs.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
