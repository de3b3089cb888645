package config

import "slices"

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
