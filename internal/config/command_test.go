package config

import (
	"slices"
	"testing"
)

func TestSplitCommand(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"/bin/a b  c", []string{"/bin/a", "b", "c"}},
		{`/bin/a 'b c' "d e"`, []string{"/bin/a", "b c", "d e"}},
		{`a cA d'x y'e`, []string{"a", "cA", "dx ye"}},
		{`a c\x41\101\n\\ b\ c`, []string{"a", "cAA\n\\", "b c"}},
		{`a "b \" c" '\''`, []string{"a", `b " c`, "'"}},
		{`a ''`, []string{"a", ""}},
	}
	for _, tc := range tests {
		got, err := splitCommand(tc.in)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q %v, want %q", tc.in, got, err, tc.want)
		}
	}
	if _, err := splitCommand(`a "b`); err == nil {
		t.Error("an open quote is accepted")
	}
}

func FuzzSplitCommand(f *testing.F) {
	f.Add(`a 'b' \x4 \c`)
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, s string) {
		words, err := splitCommand(s)
		total := 0
		for _, w := range words {
			total += len(w)
		}
		if err == nil && total > len(s) {
			t.Errorf("%q grows to %q", s, words)
		}
	})
}

func TestSuggest(t *testing.T) {
	words := []string{"priority", "preempt", "nopreempt", "state", "interface", "rr", "wrr"}
	for in, want := range map[string]string{
		"piority": "priority", "prioirty": "priority", "Interface": "interface", "no_preempt": "nopreempt",
		"stat": "state", "xyz": "", "foo": "", "wr": "rr",
	} {
		if got := Nearest(in, words); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestTestExit(t *testing.T) {
	tests := []struct {
		diags []Diagnostic
		want  int
	}{
		{nil, 0},
		{[]Diagnostic{{Severity: Warning}}, 0},
		{[]Diagnostic{{Severity: Error}}, 5},
		{[]Diagnostic{{Severity: Error, ID: "not-active"}}, 0},
		{[]Diagnostic{{Class: ClassGeneral}, {Class: ClassSecurity}}, 6},
		{[]Diagnostic{{Class: ClassFileNotFound}}, 6},
		{[]Diagnostic{{Class: ClassFileNotFound}, {Class: ClassBraces}}, 5},
		{[]Diagnostic{{Class: ClassFatal}}, 4},
		{[]Diagnostic{{Class: ClassSecurity}, {Class: ClassMissingParameter}}, 2},
	}
	for _, tc := range tests {
		if got := TestExit(tc.diags); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.diags, got, tc.want)
		}
	}
}
