package ipc

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func pair(t *testing.T) (*Conn, *Conn) {
	t.Helper()
	fa, fb, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	a, err := FromFile(fa)
	if err != nil {
		t.Fatal(err)
	}
	b, err := FromFile(fb)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestMessagesArriveInOrderWithTheirFile(t *testing.T) {
	a, b := pair(t)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 1<<20)
	go func() {
		m, _ := New("big", big)
		a.Send(m, nil)
		m, _ = New("file", 7)
		a.Send(m, f)
		m, _ = New("last", nil)
		a.Send(m, nil)
		a.Close()
	}()
	m, err := b.Receive()
	if err != nil {
		t.Fatal(err)
	}
	var s string
	if err := m.Decode(&s); err != nil || s != big || m.File != nil {
		t.Fatalf("first message: type %s, %d bytes, file %v, %v", m.Type, len(s), m.File, err)
	}
	if m, err = b.Receive(); err != nil || m.Type != "file" || m.File == nil {
		t.Fatalf("second message: %+v, %v", m, err)
	}
	got := make([]byte, 5)
	if _, err := m.File.ReadAt(got, 0); err != nil || string(got) != "hello" {
		t.Fatalf("file: %q, %v", got, err)
	}
	m.File.Close()
	if m, err = b.Receive(); err != nil || m.Type != "last" || m.File != nil {
		t.Fatalf("third message: %+v, %v", m, err)
	}
	if _, err = b.Receive(); !errors.Is(err, io.EOF) {
		t.Fatalf("after close: %v, want EOF", err)
	}
}

func TestGarbageIsAnErrorNotAPanic(t *testing.T) {
	for name, in := range map[string]string{
		"header beyond the bound": "\x00\x02\x00\x00\x00\x00\x00\x00",
		"body beyond the bound":   "\x00\x00\x00\x02\xff\xff\xff\xff",
		"no fields":               "\x00\x00\x00\x02\x00\x00\x00\x00{]",
		"more than its fields":    "\x00\x00\x00\x04\x00\x00\x00\x00\x10\x01\x00\x00",
		"cut short":               "\x00\x00\x00\x09\x00\x00\x00\x00{",
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			a.uc.Write([]byte(in))
			a.Close()
			if m, err := b.Receive(); err == nil {
				t.Fatalf("got %+v, want an error", m)
			}
		})
	}
}

func TestALongErrorIsCutAndALongMessageLeavesTheStreamWhole(t *testing.T) {
	a, b := pair(t)
	if err := a.Send(Message{Type: strings.Repeat("t", 2*maxHeader)}, nil); !errors.Is(err, ErrMessage) {
		t.Fatalf("a header that is too long: %v", err)
	}
	go a.Send(Message{Type: "x", Err: strings.Repeat("\x01", maxHeader)}, nil)
	m, err := b.Receive()
	if err != nil || m.Type != "x" || len(m.Err) < maxErr || len(m.Err) > 2*maxErr {
		t.Fatalf("type %q, error of %d bytes, %v", m.Type, len(m.Err), err)
	}
}
