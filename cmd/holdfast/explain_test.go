package main

import (
	"bytes"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/daemon/control"
)

// TestInstancesAreCompleted: shells complete the names that the daemon knows.
func TestInstancesAreCompleted(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	vrrp, err := json.Marshal(control.VRRP{Instances: []control.Instance{{Name: "VI_1"}, {Name: "VI_2"}}})
	if err != nil {
		t.Fatal(err)
	}
	go control.Serve(l, func(control.Request) (any, error) { return control.Status{VRRP: vrrp}, nil })
	var b bytes.Buffer
	root := newRoot()
	root.SetOut(&b)
	root.SetArgs([]string{"__complete", "explain", "--control", socket, ""})
	if err := root.Execute(); err != nil || !strings.HasPrefix(b.String(), "VI_1\nVI_2\n:4") {
		t.Errorf("%v: %s", err, &b)
	}
}

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
