package notifier

import (
	"log/slog"
	"testing"

	"holdfast/internal/config"
)

// The user of programs is that of the configuration in force, whether or not it was
// looked up before one is run.
func TestTheUserOfPrograms(t *testing.T) {
	n := New(slog.New(slog.DiscardHandler))
	defer n.Close()
	c := config.Command{Args: []string{"/bin/true"}}
	if got := n.Command(c); got.User != "" {
		t.Errorf("without a configuration: user %q", got.User)
	}
	n.Configure(config.GlobalDefs{ScriptUser: "first", ScriptGroup: "group"})
	if got := n.Command(c); got.User != "first" || got.Group != "group" {
		t.Errorf("user %q, group %q", got.User, got.Group)
	}
	n.Configure(config.GlobalDefs{ScriptUser: "second"})
	n.LookUp()
	if got := n.Command(c); got.User != "second" || got.Group != "" {
		t.Errorf("after a reload: user %q, group %q", got.User, got.Group)
	}
	if c.User = "own"; n.Command(c).User != "own" {
		t.Errorf("its own user: %q", n.Command(c).User)
	}
}
