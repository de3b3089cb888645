package tune

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"holdfast/internal/config"
)

// What was there before is read when something is to be changed, and put back when
// it is not to be changed any more.
func TestTheNameComesBack(t *testing.T) {
	name := func() string {
		b, err := os.ReadFile(comm())
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	was := name()
	p := Process{Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Default: "default"}
	p.Apply(config.ProcessSettings{}, false)
	if p.before != nil || name() != was {
		t.Errorf("without settings: %+v, %s", p.before, name())
	}
	for _, c := range []struct {
		s     config.ProcessSettings
		named bool
		want  string
	}{
		{config.ProcessSettings{Name: "other"}, true, "other"},
		{config.ProcessSettings{}, true, "default"},
		{config.ProcessSettings{}, false, was},
	} {
		if p.Apply(c.s, c.named); name() != c.want {
			t.Errorf("%+v, %t: named %s, want %s", c.s, c.named, name(), c.want)
		}
	}
}
