package config

import (
	"cmp"
	"slices"
)

// TestExit returns the exit code that "keepalived -t" gives for a file with
// these findings: 0 for none, 2 when it stops while parsing, 4 when it says
// that it cannot run, 5 for a file with complaints, and 6 for scripts without
// enable_script_security or a checked include that is missing.
//
// Findings of class ClassNone are holdfast's own and do not count, unless they
// are errors other than "not active yet"; keepalived gives 0 for a file that
// does not exist.
func TestExit(diags []Diagnostic) int {
	highest := ClassNone
	for _, d := range diags {
		c := d.Class
		if c == ClassMissingParameter {
			return 2
		}
		if c == ClassNone && d.Severity == Error && d.ID != "not-active" && d.ID != "no-file" {
			c = ClassGeneral
		}
		highest = max(highest, c)
	}
	switch {
	case highest == ClassNone:
		return 0
	case highest == ClassSecurity, highest == ClassFileNotFound:
		return 6
	case highest <= ClassMultipleFiles:
		return 4
	default:
		return 5
	}
}

// HasErrors reports whether one of the findings is an error.
func HasErrors(diags []Diagnostic) bool {
	return slices.ContainsFunc(diags, func(d Diagnostic) bool { return d.Severity == Error })
}

// sortDiagnostics orders findings by place; those without a line come last. It
// keeps the order of findings at one place.
func sortDiagnostics(diags []Diagnostic, files []string) {
	order := make(map[string]int, len(files))
	for i, f := range files {
		if _, ok := order[f]; !ok {
			order[f] = i
		}
	}
	slices.SortStableFunc(diags, func(a, b Diagnostic) int {
		if (a.Pos.Line == 0) != (b.Pos.Line == 0) {
			return cmp.Compare(b.Pos.Line, a.Pos.Line)
		}
		return cmp.Or(
			cmp.Compare(order[a.Pos.File], order[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
		)
	})
}
