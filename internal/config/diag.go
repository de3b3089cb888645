package config

import "fmt"

// Severity orders diagnostics from harmless to fatal.
type Severity uint8

// The severities.
const (
	Info    Severity = iota // stated for the reader, changes no exit code (a keyword that is not active yet is a Warning)
	Warning                 // accepted, but keepalived complains or something is not as written
	Error                   // the file is not accepted
)

func (s Severity) String() string { return [...]string{"info", "warning", "error"}[s] }

// Pos is a place in a configuration file; Line and Column count from 1.
type Pos struct {
	File         string
	Line, Column int
}

// String is file:line:column, or the file alone for a finding about all of it.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// from says where p is for who reads of other.
func (p Pos) from(other Pos) string {
	if p.File != other.File {
		return fmt.Sprintf("in %s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("in line %d", p.Line)
}

// Class is the class keepalived files a complaint under; its exit codes
// under -t follow from the highest class seen.
type Class uint8

// The classes, in the order of keepalived's severity.
const (
	ClassNone Class = iota
	ClassFileNotFound
	ClassBadInterface
	ClassFatal
	ClassMultipleFiles
	ClassUnknownKeyword
	ClassBraces
	ClassUnmatchedQuote
	ClassMissingParameter
	ClassInvalidNumber
	ClassGeneral
	ClassWarning
	ClassDeprecated
	ClassSecurity
)

// Diagnostic is one finding about a configuration.
type Diagnostic struct {
	Pos      Pos
	Severity Severity
	Class    Class
	Raised   bool   // an error only because strictness was asked for: a reload thinks otherwise
	ID       string // stable name of the finding, kebab-case: unknown-keyword
	Text     string // lower-case, names the thing
	Hint     string // "did you mean …"; may be empty
}

// The IDs of findings about keywords that have no effect yet: those of NotActive
// are not in the configuration, those of NotActiveKept are.
const (
	NotActive     = "not-active"
	NotActiveKept = "not-active-kept"
)

// The IDs of findings that are no errors and make a running daemon stay with what
// it has: the file was most likely read while it was being written.
const (
	UnclosedBlock = "unclosed-block"
	NothingToRun  = "nothing-to-run"
)

// RefusesReload says that a running daemon stays with what it has because of
// this finding: an error, or, although a start goes on with what is there, a
// block that is not closed or a file with nothing to run.
func (d Diagnostic) RefusesReload() bool {
	return d.Severity == Error && !d.Raised || d.ID == UnclosedBlock || d.ID == NothingToRun
}

// String is one line: place (if there is one), severity, text and hint.
func (d Diagnostic) String() string {
	s := fmt.Sprintf("%s: %s", d.Severity, d.Text)
	if place := d.Pos.String(); place != "" {
		s = place + ": " + s
	}
	if d.Hint != "" {
		s += " (" + d.Hint + ")"
	}
	return s
}
