package main

import (
	"bytes"
	"testing"

	"holdfast/internal/daemon/control"
)

func TestExplainListsInstances(t *testing.T) {
	v := &control.VRRP{Instances: []control.Instance{{Name: "VI_1"}, {Name: "VI_2"}}}
	for _, c := range []struct {
		v    *control.VRRP
		json bool
		want string
	}{
		{v, false, "VI_1\nVI_2\n"},
		{v, true, "[\"VI_1\",\"VI_2\"]\n"},
		{&control.VRRP{}, true, "[]\n"},
	} {
		var b bytes.Buffer
		if err := listInstances(&b, c.v, c.json); err != nil || b.String() != c.want {
			t.Errorf("got %q, %v, want %q", &b, err, c.want)
		}
	}
}
