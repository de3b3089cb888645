package proc

import "testing"

// TestGroupAfterColon: a colon in front of a group is keepalived's way to ask
// for the other groups too, and no part of the name.
func TestGroupAfterColon(t *testing.T) {
	plain, err := lookup("root", "daemon")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{":daemon", ":1"} {
		if c, err := lookup("root", group); err != nil || c.GID != plain.GID || len(c.Groups) != len(plain.Groups) {
			t.Errorf("%s: %+v, %v", group, c, err)
		}
	}
	if c, err := lookup("root", ":"); err != nil || c.GID != 0 {
		t.Errorf("no group: %+v, %v", c, err)
	}
	if _, err := lookup("root", "::daemon"); err == nil {
		t.Error("two colons are a name")
	}
}
