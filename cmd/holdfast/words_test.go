package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/explain"
	"holdfast/internal/daemon/plan"
	"holdfast/notify"
	"holdfast/vrrp"
)

// inSource are the words that the first group of a pattern finds in the sources of
// packages.
func inSource(t *testing.T, pattern string, dirs ...string) []string {
	t.Helper()
	var words []string
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
				words = append(words, m[1])
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// Every word that a program may find in JSON or in a FIFO is in the documentation,
// as code.
func TestEveryWordIsDocumented(t *testing.T) {
	var reasons, drops, states, fifo []string
	for r := vrrp.ReasonNone + 1; r.String() != "unknown"; r++ {
		reasons = append(reasons, r.String())
	}
	for d := vrrp.DropNone + 1; int(d) < vrrp.NumDropReasons; d++ {
		drops = append(drops, d.String())
	}
	for s := vrrp.Init; s <= vrrp.Fault; s++ {
		states = append(states, s.String())
	}
	states = append(states, control.Waiting)
	for _, line := range []string{
		notify.RxLowerLine("I", 1), notify.PriorityLine("I", "MASTER", 1), notify.PriorityLine("I", "BACKUP", 1),
		notify.Transition{Name: "I"}.Line(), notify.Transition{Name: "G", Group: true}.Line(),
		notify.ServiceLine(notify.Service{FWMark: 1}, true), notify.ServiceLine(notify.Service{FWMark: 1}, false),
	} {
		for word := range strings.FieldsSeq(line) {
			if len(word) > 1 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" && word != "FWM" {
				fifo = append(fifo, word)
			}
		}
	}
	fifo = append(fifo, inSource(t, `return "([A-Z]+)", set`, "internal/daemon/vrrpd")...)
	fifo = append(fifo, inSource(t, ` ([A-Z]+)"\n`, "notify")...)
	doctors := append(inSource(t, `(?:one\(host\.\w+, |\bID: +|\bid :?= |\bf\.ID(?:, [\w.]+)* = )"([a-z0-9_-]+)"`, "internal/doctor", "internal/realserver"), "config")
	for _, c := range []struct {
		what  string
		words []string
		least int
		docs  []string
	}{
		{"reason", reasons, 19, []string{"operations.md"}},
		{"drop reason", append(drops, explain.ReasonVRID), 25, []string{"operations.md"}},
		{"state", states, 5, []string{"operations.md"}},
		{"FIFO word", fifo, 12, []string{"operations.md"}},
		{"lint of explain", inSource(t, `(?:x\.say\(|\{vrrp\.Drop\w+, )"([a-z-]+)"`, "internal/daemon/explain"), 15, []string{"operations.md"}},
		{"finding of doctor", doctors, 25, []string{"doctor.md", "realserver.md"}},
		{"outcome of reload", []string{control.ReloadDone, control.ReloadBegun, control.ReloadWaits, control.ReloadNotBegun, control.ReloadRefused, control.ReloadRolledBack, control.ReloadIncomplete}, 7, []string{"operations.md"}},
		{"outcome of plan", []string{plan.Starts, plan.Released, plan.Loses, plan.MayLose, plan.TakesOver, plan.Splits, plan.Joins}, 7, []string{"operations.md"}},
		{"state of a server or check", inSource(t, `State(?: = |: )"([a-z]+)"`, "internal/daemon/lvs"), 3, []string{"operations.md", "real-servers.md"}},
	} {
		var text strings.Builder
		for _, name := range c.docs {
			b, err := os.ReadFile(filepath.Join("../../docs", name))
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
		code := regexp.MustCompile("`[^`\n]+`").FindAllString(text.String(), -1)
		if len(c.words) < c.least {
			t.Errorf("%s: only %q found: the test looks at the wrong place", c.what, c.words)
		}
		for _, w := range c.words {
			whole := regexp.MustCompile(`(?:^|[^\w-])` + regexp.QuoteMeta(w) + `(?:[^\w-]|$)`)
			if !slices.ContainsFunc(code, whole.MatchString) {
				t.Errorf("%s `%s` is not in docs/%s", c.what, w, strings.Join(c.docs, " or docs/"))
			}
		}
	}
}
