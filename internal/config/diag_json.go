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
}

// MarshalJSON writes file, line, column, severity (info, warning, error), id,
// text and hint. The class, which serves keepalived's exit codes only, is left
// out.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	return json.Marshal(finding{d.Pos.File, d.Pos.Line, d.Pos.Column, d.Severity.String(), d.ID, d.Text, d.Hint})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Diagnostic) UnmarshalJSON(b []byte) error {
	var f finding
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	for s := Info; s <= Error; s++ {
		if s.String() == f.Severity {
			*d = Diagnostic{Pos: Pos{File: f.File, Line: f.Line, Column: f.Column}, Severity: s, ID: f.ID, Text: f.Text, Hint: f.Hint}
			return nil
		}
	}
	return fmt.Errorf("severity %q is none of info, warning, error", f.Severity)
}
