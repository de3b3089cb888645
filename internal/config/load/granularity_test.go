package load_test

import (
	"strings"
	"testing"

	"holdfast/internal/config"
)

// TestGranularity holds what persistence_granularity stands for against what
// keepalived 2.2.7 puts into the kernel; a number is a prefix length here.
func TestGranularity(t *testing.T) {
	for _, tc := range []struct {
		family config.Family
		lines  string
		want   int
	}{
		{4, "255.255.255.0", 24},
		{4, "255.255.255.0\npersistence_granularity 255.255.0.0", 16},
		{4, "24\npersistence_granularity 255.255.255.128", 25},
		{4, "128.0.0.0", 1},
		{4, "255.255.255.255", 32},
		{4, "0xffffff00", 24},
		{4, "4294967040", 24},
		{4, "0xff.0xff.0", 16},
		{4, "255.255.255", 32}, // 255.255.0.255
		{4, "255.0.255.0", 32},
		{4, "0.0.0.0", 32},
		{4, "0", 32},
		{4, "256.255.0.0", 32},
		{4, "255.255.0.0.0", 32},
		{4, "24", 24},
		{4, "33", 32},
		{6, "64", 64},
		{6, "64\npersistence_granularity 48", 48},
		{6, "0", 128},
		{6, "129", 128},
		{6, "255.255.255.0", 128},
	} {
		text := "virtual_server 10.0.0.1 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\npersistence_granularity " + tc.lines + "\nreal_server 10.0.0.2 80 {\n}\n}\n"
		if tc.family == 6 {
			text = strings.NewReplacer(" 10.0.0.1 ", " 2001:db8::1 ", " 10.0.0.2 ", " 2001:db8::2 ").Replace(text)
		}
		cfg, diags := conf(text)
		if cfg == nil {
			t.Fatal(diags)
		}
		if got := cfg.VirtualServers[0].PersistenceGranularity; got != tc.want {
			t.Errorf("family %d, %s: %d, want %d", tc.family, tc.lines, got, tc.want)
		}
	}
}

// TestGroupFamilySurvives converts a group whose marks are IPv6's only because
// ip_family says so.
func TestGroupFamilySurvives(t *testing.T) {
	c, diags := conf("virtual_server_group G {\nfwmark 5\n}\nvirtual_server group G {\nlb_algo rr\nlb_kind TUN\nip_family inet6\nreal_server 2001:db8::2 80 {\n}\n}\n")
	if c == nil || c.VirtualServers[0].Family != 6 {
		t.Fatal(diags)
	}
	survives(t, c)
}
