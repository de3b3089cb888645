package demo

import (
	"strings"
	"testing"
)

// TestExample checks that the second director's file differs from the first's
// in the three words that the example's comment names, and in nothing else.
func TestExample(t *testing.T) {
	var s stage
	if err := s.readExample(); err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(s.confs[0], "\n"), strings.Split(s.confs[1], "\n")
	if len(a) != len(b) {
		t.Fatalf("%d lines and %d", len(a), len(b))
	}
	var changed []string
	for i := range a {
		if a[i] != b[i] {
			changed = append(changed, strings.TrimSpace(b[i]))
		}
	}
	if got := strings.Join(changed, "; "); got != "router_id lvs2; state BACKUP; priority 100" {
		t.Errorf("changed: %s", got)
	}
}
