package config

import (
	"encoding/json"
	"fmt"
)

// finding is how a Diagnostic looks in JSON.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"`
	ID       string `json:"id"`
	Text     string `json:"text"`
	Hint     string `json:"hint,omitempty"`
	Refuses  bool   `json:"refuses_reload,omitempty"`
	Why      string `json:"why,omitempty"`
	Fix      string `json:"fix,omitempty"`
}

// MarshalJSON writes file, line, column, severity (info, warning, error), id,
// text and hint, whether a reload is refused for it, and of a lint why it matters and what helps. The class, which
// serves keepalived's exit codes only, is left out.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	f := finding{File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Column, Severity: d.Severity.String(), ID: d.ID, Text: d.Text, Hint: d.Hint, Refuses: d.RefusesReload()}
	if l := lint(d.ID); d.Class == ClassNone && l != nil {
		f.Why, f.Fix = l.Why, l.Fix
	}
	return json.Marshal(f)
}

// lint is the one with an ID; nil: there is none.
func lint(id string) *Lint {
	for i := range Lints {
		if Lints[i].ID == id {
			return &Lints[i]
		}
	}
	return nil
}

// UnmarshalJSON reads what MarshalJSON wrote. The class is lost, but for whether
// keepalived complains too.
func (d *Diagnostic) UnmarshalJSON(b []byte) error {
	var f finding
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	for s := Info; s <= Error; s++ {
		if s.String() == f.Severity {
			*d = Diagnostic{Pos: Pos{File: f.File, Line: f.Line, Column: f.Column}, Severity: s, ID: f.ID, Text: f.Text, Hint: f.Hint, Raised: s == Error && !f.Refuses}
			if f.Why == "" && lint(f.ID) != nil {
				d.Class = ClassGeneral
			}
			return nil
		}
	}
	return fmt.Errorf("severity %q is none of info, warning, error", f.Severity)
}
