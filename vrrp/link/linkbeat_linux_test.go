package link

import "testing"

// TestProberLoopback asks the one interface that every machine has.
func TestProberLoopback(t *testing.T) {
	p, err := NewKernelProber()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if up, kind, err := p.Link("lo", ""); err != nil || kind == BeatMII {
		t.Errorf("lo: %v by %q, %v", up, kind, err)
	}
	if _, kind, err := p.Link("lo", BeatIOCTL); err != nil || kind != BeatIOCTL {
		t.Errorf("lo: by %q, %v", kind, err)
	}
	if _, _, err := p.Link("no-such-one", ""); err == nil {
		t.Error("an interface that does not exist has a link")
	}
	if _, _, err := p.Link("a-name-much-longer-than-any", ""); err == nil {
		t.Error("an impossible name has a link")
	}
}
