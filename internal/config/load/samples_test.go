package load_test

import (
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// samplesDir is where Debian puts the samples of keepalived.
const samplesDir = "/usr/share/doc/keepalived/samples"

// TestSamples loads the configurations that come with keepalived. The expected
// codes are those of "keepalived -t", with every interface there.
func TestSamples(t *testing.T) {
	files, _ := filepath.Glob(samplesDir + "/keepalived.conf.*")
	if len(files) == 0 {
		t.Skip("no samples of keepalived in " + samplesDir)
	}
	want := map[string]int{
		"HTTP_GET.port": 0, "IPv6": 0, "PING_CHECK": 0, "SMTP_CHECK": 0, "UDP_CHECK": 0, "SSL_GET": 5, "fwmark": 5,
		"inhibit": 0, "misc_check": 0, "misc_check_arg": 0, "quorum": 0, "sample": 0, "status_code": 0,
		"virtual_server_group": 0, "virtualhost": 0, "vrrp": 0, "vrrp.localcheck": 6, "vrrp.lvs_syncd": 5,
		"vrrp.scripts": 0, "vrrp.sync": 0, "conditional_conf": 5, "track_interface": 5, "vrrp.static_ipaddress": 5,
		"vrrp.routes": 5, "vrrp.rules": 5,
	}
	for _, f := range files {
		name := strings.TrimPrefix(filepath.Base(f), "keepalived.conf.")
		_, diags := load.Load(f, load.Options{ConfigID: "test", Users: true})
		for _, d := range diags {
			if d.Severity == config.Error && d.Class != config.ClassNone && config.TestExit(diags) != 2 && want[name] == 0 {
				t.Errorf("%s: %v", name, d)
			}
		}
		code, known := want[name]
		if got := config.TestExit(diags); known && got != code {
			t.Errorf("%s: exit code %d, keepalived gives %d", name, got, code)
			for _, d := range diags {
				t.Log("   ", d, d.Class)
			}
		}
	}
}
