package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, path
}

// A daemon that is stopped has a socket that takes connections, and nobody answers.
func TestWhoListensAndGivesNoSignOfLifeIsNamed(t *testing.T) {
	_, path := listen(t)
	questions := []Request{{Command: "status"}, {Command: "reload"}, {Command: "reload", NoWait: true}, {Command: "reload", Rollback: time.Hour}}
	said := make(chan error, len(questions))
	for _, r := range questions {
		go func() { said <- Ask(path, r, &struct{}{}) }()
	}
	for range questions {
		select {
		case err := <-said:
			var s *Silent
			if !errors.As(err, &s) || s.PID != os.Getpid() || !strings.Contains(err.Error(), fmt.Sprintf("the daemon (process %d) does not answer: ", s.PID)) {
				t.Errorf("error %v", err)
			}
		case <-time.After(2 * time.Minute):
			t.Fatal("nothing is said")
		}
	}
}

// One of before does not know the question whether it lives; its answer to a reload
// may take longer than any sign of life.
func TestAReloadIsAskedForWhereTheDaemonLives(t *testing.T) {
	l, path := listen(t)
	asked := make(chan string, 8)
	go Serve(l, func(r Request) (any, error) {
		asked <- r.Command
		if r.Command == "alive" {
			return nil, errors.New(`unknown command "alive"`)
		}
		return Reload{Outcome: ReloadDone}, nil
	})
	var r Reload
	if err := Ask(path, Request{Command: "reload"}, &r); err != nil || r.Outcome != ReloadDone {
		t.Errorf("%+v, %v", r, err)
	}
	if first, second := <-asked, <-asked; first != "alive" || second != "reload" || len(asked) > 0 {
		t.Errorf("asked %q, %q and %d more", first, second, len(asked))
	}
}

func TestNobodyListens(t *testing.T) {
	err := Ask(filepath.Join(t.TempDir(), "s"), Request{Command: "reload"}, &json.RawMessage{})
	var s *Silent
	if !errors.Is(err, os.ErrNotExist) || errors.As(err, &s) {
		t.Errorf("error %v", err)
	}
}
