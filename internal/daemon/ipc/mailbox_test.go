package ipc

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

func TestFlushWaitsUntilEverythingIsInTheStream(t *testing.T) {
	a, b := pair(t)
	box := NewMailbox(a, nil)
	defer box.Close()
	const n = 200
	for i := range n {
		if err := box.PostBody("n", i); err != nil {
			t.Fatal(err)
		}
	}
	box.Flush(t.Context())
	a.Close() // the death of the process: what is in the stream stays
	for i := range n {
		var got int
		m, err := b.Receive()
		if err != nil || m.Decode(&got) != nil || got != i {
			t.Fatalf("message %d: %d, %v", i, got, err)
		}
	}
}

func TestFlushEndsWithItsContextOrTheStream(t *testing.T) {
	a, b := pair(t)
	box := NewMailbox(a, nil)
	defer box.Close()
	big := strings.Repeat("x", 8<<20) // nobody reads, so it does not fit
	if err := box.PostBody("big", big); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	box.Flush(ctx)
	if ctx.Err() == nil {
		t.Fatal("Flush returned before the message was sent")
	}
	b.Close()
	box.Flush(t.Context()) // must end: there is nobody to send to
}

func TestWhatNobodyTakesIsDroppedWithItsFile(t *testing.T) {
	failed := make(chan error, 1)
	a, b := pair(t)
	box := NewMailbox(a, func(err error) { failed <- err })
	defer box.Close()
	b.Close()
	box.Post(Message{Type: "lost"}, nil)
	if err := <-failed; err == nil {
		t.Fatal("no error")
	}
	box.Flush(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	box.Post(Message{Type: "file"}, w)
	if _, err := w.Write([]byte{1}); err == nil {
		t.Fatal("the file of a dropped message is still open")
	}
	c, d := pair(t)
	box.Redirect(c)
	box.Post(Message{Type: "again"}, nil)
	if m, err := d.Receive(); err != nil || m.Type != "again" {
		t.Fatalf("after Redirect: %+v, %v", m, err)
	}
}

func TestAMessageThatCannotBeSentDoesNotEndTheStream(t *testing.T) {
	a, b := pair(t)
	box := NewMailbox(a, nil)
	defer box.Close()
	box.Post(Message{Type: strings.Repeat("t", 2*maxHeader)}, nil)
	box.Post(Message{Type: "next"}, nil)
	if m, err := b.Receive(); err != nil || m.Type != "next" {
		t.Fatalf("%+v, %v", m, err)
	}
}
