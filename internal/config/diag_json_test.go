package config

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDiagnosticJSON(t *testing.T) {
	d := Diagnostic{Pos: Pos{"a.conf", 3, 7}, Severity: Warning, ID: "wrong-number", Text: "priority: 300 is too large", Hint: "1..255"}
	b, err := json.Marshal([]Diagnostic{d})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"file":"a.conf","line":3,"column":7,"severity":"warning","id":"wrong-number","text":"priority: 300 is too large","hint":"1..255"}]`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var back []Diagnostic
	if err := json.Unmarshal(b, &back); err != nil || len(back) != 1 || back[0] != d {
		t.Errorf("read back %+v, %v", back, err)
	}
	lint := Diagnostic{Severity: Warning, ID: "no-accept", Text: "packets are dropped"}
	if b, err := json.Marshal(lint); err != nil || !strings.Contains(string(b), `"fix":"`) || !strings.Contains(string(b), `"why":"`) {
		t.Errorf("a lint is %s, %v", b, err)
	}
	unusable := Diagnostic{Severity: Error, ID: "unusable", Text: "too many"} // which is never less
	if b, err := json.Marshal(unusable); err != nil || !strings.Contains(string(b), `"fix":"`) {
		t.Errorf("a lint that is an error is %s, %v", b, err)
	}
	lint.Class = ClassGeneral // keepalived complains too: the text says all
	b, err = json.Marshal(lint)
	if err != nil || strings.Contains(string(b), `"fix"`) {
		t.Errorf("a complaint is %s, %v", b, err)
	}
	var read Diagnostic
	if err := json.Unmarshal(b, &read); err != nil {
		t.Error(err)
	}
	if again, err := json.Marshal(read); err != nil || string(again) != string(b) {
		t.Errorf("written again, a complaint is %s, %v", again, err)
	}
	if err := json.Unmarshal([]byte(`{"severity":"dire"}`), &d); err == nil {
		t.Error("an unknown severity is accepted")
	}
}
