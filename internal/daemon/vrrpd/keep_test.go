package vrrpd

import (
	"reflect"
	"testing"
	"time"

	"holdfast/vrrp/link"
)

// --dont-release-vrrp must cost nothing while the process runs: what the engine
// asks a wire for besides link.Wire is there behind keptWire as well.
func TestKeptWireHasAll(t *testing.T) {
	kept, wire := reflect.TypeFor[keptWire](), reflect.TypeFor[*link.EpollWire]()
	for i := range wire.NumMethod() {
		if m := wire.Method(i); !has(kept, m.Name) {
			t.Errorf("%s is missing", m.Name)
		}
	}
	var w link.Wire = keptWire{}
	if _, ok := w.(interface {
		Park(on bool)
		Asleep() time.Duration
		Filter(p link.Port, set link.VRIDs) error
	}); !ok {
		t.Error("it cannot park, tell of a suspended machine or filter")
	}
}

func has(t reflect.Type, name string) bool {
	_, ok := t.MethodByName(name)
	return ok
}

// After the stop began nothing is sent and nothing changed, and the engine gets
// the answers that it waits for.
func TestKeep(t *testing.T) {
	var answers []link.Applied
	k := &keep{applied: func(a link.Applied) { answers = append(answers, a) }}
	k.stopping.Store(true)
	keptWire{nil, k}.Send([]link.Datagram{{}})
	keptApplier{nil, k}.Set(3, 7, link.Wanted{})
	if err := (keptApplier{nil, k}).Sweep(link.Wanted{}, link.Wanted{}); err != nil {
		t.Fatal(err)
	}
	if len(answers) != 1 || answers[0].Owner != 3 || answers[0].Gen != 7 || answers[0].Err != nil {
		t.Fatalf("answers %+v", answers)
	}
}
