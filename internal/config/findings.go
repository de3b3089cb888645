package config

import "fmt"

// maxFindings is how many findings are kept in full: a file that is no
// configuration, or a sequence, can make a million of them.
const maxFindings = 10_000

// Findings collects what is found in one reading. Beyond a bound it keeps one
// of each kind that matters to a verdict and counts the others.
type Findings struct {
	List  []Diagnostic
	more  int
	kinds map[findingKind]bool
}

// findingKind is what verdicts and exit codes look at.
type findingKind struct {
	severity Severity
	class    Class
	refuses  bool
}

// Add takes a finding.
func (f *Findings) Add(d Diagnostic) {
	if len(f.List) >= maxFindings {
		k := findingKind{d.Severity, d.Class, d.RefusesReload()}
		if f.kinds[k] {
			f.more++
			return
		}
		if f.kinds == nil {
			f.kinds = map[findingKind]bool{}
		}
		f.kinds[k] = true
	}
	f.List = append(f.List, d)
}

// Count is how many findings were added.
func (f *Findings) Count() int { return len(f.List) + f.more }

// All returns the findings, and how many there are besides.
func (f *Findings) All() []Diagnostic {
	if f.more == 0 {
		return f.List
	}
	return append(f.List, Diagnostic{Severity: Info, ID: "more-findings", Text: fmt.Sprintf("%d more findings of these kinds are not listed", f.more)})
}
