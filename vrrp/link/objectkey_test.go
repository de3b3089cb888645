package link

import (
	"net/netip"
	"testing"

	"holdfast/vrrp/route"
)

func object(t testing.TB, kind ObjectKind, body []byte, err error) Object {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return Object{Kind: kind, Body: Raw(body)}
}

func eth0(string) int { return 3 }

func TestKeyOf(t *testing.T) {
	six := route.Route{Family: 6, To: netip.MustParsePrefix("2001:db8::/32"), Table: 300, Next: route.Hop{Dev: "eth0"}}
	body, err := six.Body(eth0, nil)
	key, ok := keyOf(ObjectRoute, []byte(object(t, ObjectRoute, body, err).Body))
	want := objectKey{kind: ObjectRoute, family: afInet6, table: 300, priority: 1024, protocol: route.Protocol, dst: six.To, src: netip.MustParsePrefix("::/0")}
	if !ok || key != want {
		t.Errorf("got %+v, %v, want %+v", key, ok, want)
	}
	rule := route.Rule{Family: 4, Action: route.ToTable, From: netip.MustParsePrefix("192.0.2.0/24"), Table: 100, Priority: 7}
	body, err = rule.Body()
	key, ok = keyOf(ObjectRule, []byte(object(t, ObjectRule, body, err).Body))
	want = objectKey{kind: ObjectRule, family: 2, table: 100, priority: 7, protocol: route.Protocol, dst: netip.MustParsePrefix("0.0.0.0/0"), src: rule.From}
	if !ok || key != want {
		t.Errorf("got %+v, %v, want %+v", key, ok, want)
	}
}

func TestRemovable(t *testing.T) {
	to := netip.MustParsePrefix("10.1.0.0/16")
	encode := func(r route.Route) Object {
		body, err := r.Body(eth0, nil)
		return object(t, ObjectRoute, body, err)
	}
	ruleOf := func(r route.Rule) Object {
		body, err := r.Body()
		return object(t, ObjectRule, body, err)
	}
	for _, c := range []struct {
		name string
		obj  Object
		want bool
	}{
		{"ours", encode(route.Route{Family: 4, To: to}), true},
		{"of a routing daemon", encode(route.Route{Family: 4, To: to, Protocol: 186}), true},
		{"of the kernel", encode(route.Route{Family: 4, To: to, Protocol: 2}), false},
		{"of the administrator", encode(route.Route{Family: 4, To: to, Protocol: 4}), false},
		{"rule", ruleOf(route.Rule{Family: 4, Action: route.ToTable, Table: 5, Priority: 9}), true},
		{"the first rule of all", ruleOf(route.Rule{Family: 4, Action: route.ToTable, Table: 255}), false},
		{"too short", Object{Kind: ObjectRoute, Body: "x"}, false},
		{"no kind", Object{Body: encode(route.Route{Family: 4, To: to}).Body}, false},
	} {
		if got := c.obj.Removable(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// FuzzKeyOf: what the kernel says, and what a state file holds, is read without
// a crash, and a key that is found is a usable one.
func FuzzKeyOf(f *testing.F) {
	r := route.Route{Family: 4, To: netip.MustParsePrefix("10.1.0.0/16"), Table: 300, Next: route.Hop{Dev: "eth0"}}
	body, _ := r.Body(eth0, nil)
	f.Add(uint8(ObjectRoute), body)
	f.Add(uint8(ObjectRule), []byte("\x02\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x03\x00"))
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		key, ok := keyOf(ObjectKind(kind), b)
		if ok && (!key.dst.IsValid() || !key.src.IsValid()) {
			t.Errorf("%x: %+v", b, key)
		}
		_ = Object{Kind: ObjectKind(kind), Body: Raw(b)}.Removable()
	})
}
