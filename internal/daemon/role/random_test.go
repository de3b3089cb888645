package role

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"holdfast/internal/config"
)

// scatter gives some of the fields below v a value, of each kind also the extreme
// ones.
func scatter(t *testing.T, r *rand.Rand, v reflect.Value) {
	if r.IntN(3) == 0 && v.Kind() != reflect.Struct {
		return
	}
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		*x = netip.MustParseAddr([]string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.1", "0.0.0.0", "::"}[r.IntN(6)])
		return
	case *netip.Prefix:
		*x = netip.MustParsePrefix([]string{"192.0.2.1/32", "2001:db8::1/64", "0.0.0.0/0", "::/0"}[r.IntN(4)])
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt([]int64{1, -1, 1 << 30, int64(time.Hour)}[r.IntN(3)])
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint([]uint64{1, 127, 128, 255}[r.IntN(4)])
	case reflect.String:
		v.SetString([]string{"a", "text with \x00 and ü", string(make([]byte, 300))}[r.IntN(3)])
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			scatter(t, r, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			scatter(t, r, v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		scatter(t, r, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			scatter(t, r, v.Field(i))
		}
	default:
		t.Fatalf("no example of %v", v.Type())
	}
}

// Whatever a configuration says, it says the same in the other process: whole, and
// as a change of another one.
func TestRandomConfigurationsTravel(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var a, b config.Config
		scatter(t, r, reflect.ValueOf(&a).Elem())
		scatter(t, r, reflect.ValueOf(&b).Elem())
		b.VirtualServers = append(b.VirtualServers, a.VirtualServers...)
		r.Shuffle(len(b.VirtualServers), reflect.Swapper(b.VirtualServers))
		whole, err := Decode(encode(t, &a))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !reflect.DeepEqual(whole, &a) {
			t.Fatalf("seed %d: it came as another one", seed)
		}
		got, kept, err := encode(t, &b).Since(encode(t, &a)).decode(whole)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !reflect.DeepEqual(got, &b) {
			t.Fatalf("seed %d: the change came as another one", seed)
		}
		for i, at := range kept {
			if at >= 0 && !reflect.DeepEqual(b.VirtualServers[i], a.VirtualServers[at]) {
				t.Errorf("seed %d: %d is not %d of before", seed, i, at)
			}
		}
	}
}
