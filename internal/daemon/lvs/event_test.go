package lvs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// Of services that come up at one moment the first ones are logged, of those
// that go down all; listeners hear of every one.
func TestEventsInTheLog(t *testing.T) {
	var text bytes.Buffer
	heard := 0
	l := New(configOf(virtual(1, 1)), Deps{Log: slog.New(slog.NewTextHandler(&text, nil)), Event: func(Event) { heard++ }})
	const each = logged + 50
	var list []Event
	for range each {
		list = append(list, Event{Line: "VS a UP", Up: true}, Event{Line: "VS a DOWN"})
	}
	l.tell(list)
	up, down := strings.Count(text.String(), "VS a UP\"\n"), strings.Count(text.String(), "VS a DOWN")
	if heard != 2*each || up != logged+1 || down != each || !strings.Contains(text.String(), "count=50") {
		t.Errorf("heard of %d, logged %d up and %d down:\n%s", heard, up, down, text.String())
	}
}
