package role

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/vrrp/link"
)

func TestBootRecordSurvivesTheMemfd(t *testing.T) {
	alert := true
	want := Boot{
		Options: Options{Console: true, Detail: 2},
		Config: &config.Config{
			Files: []string{"a.conf"},
			Instances: []config.VRRPInstance{{
				Name: "VI_1", AdvertInt: 10 * time.Millisecond, AuthPass: []byte("s3cret"), SMTPAlert: &alert,
				VirtualIPAddress: []config.VIP{{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Label: "eth0:1"}},
			}},
		},
		Resume:    []Resume{{Router: "VI_1", LastAdvert: time.Unix(1, 2).UTC(), Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24")}}},
		Leftovers: []link.Address{{Ifindex: 3, Prefix: netip.MustParsePrefix("192.0.2.11/32")}},
		Owned:     []byte(`{"a":1}`),
	}
	f, err := WriteBoot(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadBoot(f)
	if err != nil {
		t.Fatal(err)
	}
	cmpOpt := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	cmpAddr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if d := cmp.Diff(want, got, cmpOpt, cmpAddr); d != "" {
		t.Fatal(d)
	}
}
