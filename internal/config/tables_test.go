package config

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

// Most of the schema is for few configurations, and all of it together is most
// of a megabyte: a start with one service makes the rows of four tables. The
// tables are the process's, so a new one looks.
func TestTablesAreMadeWhenAWordNeedsThem(t *testing.T) {
	const inside = "HOLDFAST_TABLES"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	line := func(words ...string) *Node {
		n := &Node{}
		for _, w := range words {
			n.Words = append(n.Words, Word{Text: w})
		}
		return n
	}
	within := func(n *Node, children ...*Node) *Node {
		n.Block, n.Children, n.End = true, children, Pos{Line: 1}
		return n
	}
	cfg, diags := Decode(&Node{Children: []*Node{
		within(line("global_defs"), line("router_id", "a")),
		within(line("virtual_server", "192.0.2.10", "80"), line("lb_algo", "wlc"), line("lb_kind", "NAT"), line("protocol", "TCP"),
			within(line("real_server", "192.0.2.20", "80"), line("weight", "3"))),
	}}, Options{})
	if HasErrors(diags) || len(cfg.VirtualServers) != 1 || cfg.VirtualServers[0].RealServers[0].Weight != 3 {
		t.Fatalf("%+v\n%v", cfg, diags)
	}
	var made []string
	for i := range tables {
		if tables[i].rows != nil {
			made = append(made, tables[i].block)
		}
	}
	if want := []string{"", pathGlobal, pathService, pathReal}; !slices.Equal(made, want) {
		t.Errorf("tables made: %q, want %q", made, want)
	}
}
