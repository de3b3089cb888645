package ipc

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
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

	// Where it is cut no character is broken. What is no text is cut all the same.
	for _, unit := range []string{"a", "é", "€", "𝄞", "\x80", "\xff", "é\x80\x80\x80\x80"} {
		for before := range 5 {
			long := strings.Repeat("a", before) + strings.Repeat(unit, maxErr+1)
			go a.Send(Message{Type: "x", Err: long}, nil)
			m, err := b.Receive()
			if err != nil {
				t.Fatal(err)
			}
			kept, cut := strings.CutSuffix(m.Err, " …")
			if !cut || !strings.HasPrefix(long, kept) || len(kept) > maxErr || len(kept) <= maxErr-utf8.UTFMax || utf8.ValidString(long) != utf8.ValidString(kept) {
				t.Errorf("%d bytes and then %q: %d bytes are left, ending in %q", before, unit, len(kept), kept[len(kept)-4:])
			}
		}
	}
	whole := strings.Repeat("a", maxErr-2) + "é"
	go a.Send(Message{Type: "x", Err: whole}, nil)
	if m, err := b.Receive(); err != nil || m.Err != whole {
		t.Errorf("an error of %d bytes is not left alone: %v", len(whole), err)
	}
}
