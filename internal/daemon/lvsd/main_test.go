package lvsd

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// What cannot be remembered is lost for a successor; without a parent there is
// none, and it is no news.
func TestWhatIsNotRememberedMattersWhileThereIsAParent(t *testing.T) {
	ours, theirs, err := ipc.Pair()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ipc.FromFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var log bytes.Buffer
	p := process{log: slog.New(slog.NewTextHandler(&log, nil)), child: &role.Child{Parent: conn}}
	p.remember(ipc.New(ipc.TypeOwned, json.RawMessage("{"))) // what is no message
	if !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("logged %q", log.String())
	}
	log.Reset()
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	p.remember(ipc.New(ipc.TypeOwned, []int{1}))
	p.remember(ipc.New(ipc.TypeSettings, []int{1}))
	if log.Len() > 0 {
		t.Errorf("logged %q", log.String())
	}
}
