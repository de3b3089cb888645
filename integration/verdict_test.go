package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"

	"holdfast/integration/lab"
	"holdfast/internal/config/verdict"
)

// TestVerdictsOfKeepalived holds every eighth line of the list of verdicts
// against the keepalived that is installed and against our program.
func TestVerdictsOfKeepalived(t *testing.T) { patiently(verdictsOfKeepalivedRound)(t) }

func verdictsOfKeepalivedRound(t testing.TB) {
	lab.Require(t, "keepalived")
	cases, err := verdict.All()
	if err != nil {
		t.Fatal(err)
	}
	l := lab.Test(t, "verdicts")
	h, err := l.Host("director")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = verdict.Interfaces[1]
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: verdict.Interfaces[2]})
	}); err != nil {
		t.Fatal(err)
	}
	us := asKeepalived(t)
	dir := t.TempDir()
	var work sync.WaitGroup
	queue := make(chan verdict.Case)
	for range 2 {
		work.Go(func() {
			file, err := os.CreateTemp(dir, "*.conf")
			if err != nil {
				t.Error(err)
				return
			}
			file.Close()
			for c := range queue {
				if err := os.WriteFile(file.Name(), []byte(c.Text), 0o600); err != nil {
					t.Error(err)
				}
				for _, prog := range []string{"keepalived", us} {
					out, err := h.Output(t.Context(), "timeout", "60", prog, "-t", "-l", "-i", verdict.ConfigID, "-f", file.Name())
					code := 0
					if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
						code = exit.ExitCode()
					} else if err != nil {
						t.Error(err)
					}
					if code != c.Exit {
						t.Errorf("%s: exit code %d: %s: %s", filepath.Base(prog), code, c.Name, out)
					}
					if got := complainedLines(out); c.Lines != nil && prog == "keepalived" && !slices.Equal(got, c.Lines) {
						t.Errorf("keepalived complains about lines %v: %s: %s", got, c.Name, out)
					}
				}
			}
		})
	}
	for i := 0; i < len(cases); i += 8 {
		queue <- cases[i]
	}
	close(queue)
	work.Wait()
}

// complainedLines returns the lines that a log of keepalived names, and 0 for
// messages without one.
func complainedLines(log string) []int {
	out := []int{}
	for line := range strings.Lines(log) {
		n := 0
		if m := lineOfLog.FindStringSubmatch(line); m != nil {
			n, _ = strconv.Atoi(m[1])
		}
		if strings.TrimSpace(line) != "" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var lineOfLog = regexp.MustCompile(`^\((?:.*: )?Line (\d+)\)`)
