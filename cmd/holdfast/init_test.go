package main

import (
	"bytes"
	"strings"
	"testing"
)

// Each answer is tried when it is given and asked for again when it is none.
func TestInitAsksAgain(t *testing.T) {
	asked := func(input string, args ...string) (f initFlags, prompts string, err error) {
		cmd := newInit()
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		cmd.SetErr(&errs)
		f.vrid, f.port = 51, 80
		f.vip, _ = cmd.Flags().GetString("vip")
		f.iface = "lo"
		err = ask(cmd, strings.NewReader(input), &f)
		return f, errs.String(), err
	}
	f, prompts, err := asked("nosuch0\nlo\n\nlvs1\n2001:db8::1\n127.0.0.1\n192.0.2.10/33\n192.0.2.10/24\nlvs2\n192.0.2.10\n127.0.0.1\n192.0.2.2\nmaybe\nNO\n")
	if err != nil || f.iface != "lo" || f.vip != "192.0.2.10/24" || f.peer != "192.0.2.2" || !f.second {
		t.Errorf("%+v, %v", f, err)
	}
	for want, n := range map[string]int{
		"Interface of the address [lo]: ": 2, "Virtual address: ": 6, "Address of the other director": 4, "Is this the director": 2,
		"  interface nosuch0: not found\n": 1, "  an address is wanted": 1, "  --vip: ": 3, "has to be IPv4": 1, "  --peer: ": 1,
		"is the virtual one": 1, "machine's own\n": 1, "  \"maybe\" is neither yes nor no\n": 1,
	} {
		if got := strings.Count(prompts, want); got != n {
			t.Errorf("%q %d times, want %d:\n%s", want, got, n, prompts)
		}
	}
	// The defaults, and an end of the input.
	if f, _, err := asked("\n192.0.2.10\n\n\n"); err != nil || f.iface != "lo" || f.second || f.peer != "" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, _, err := asked("lo\n"); err == nil {
		t.Error("no address at all is taken")
	}
	// A wrong flag is told before anything else is asked.
	if _, prompts, err := asked("lo\n", "--vip", "lvs1"); err == nil || strings.Contains(prompts, "director") {
		t.Errorf("%v\n%s", err, prompts)
	}
}
