package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// skip skips a test for a reason, and fails instead where everything that the
// tests need is said to be there.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// testConfig runs "keepalived -t" for the file $1 in network and mount
// namespaces of its own, with the interfaces of the examples and, in place of
// /etc/holdfast, a folder that only root can write to.
const testConfig = `
set -e
ip link add eth0 type veth peer name peer0
ip link add eth1 type veth peer name peer1
mount -t tmpfs -o mode=755 none /mnt
install -m 755 nginx-ha-check.sh /mnt/
sed 's|/etc/holdfast/|/mnt/|' "$1" >/mnt/test.conf
exec keepalived -t -f /mnt/test.conf
`

// TestKeepalivedAccepts checks that keepalived has no complaint about the files
// that are said to run there as well.
func TestKeepalivedAccepts(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "needs root for namespaces")
	}
	for _, tool := range []string{"keepalived", "unshare", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip(t, tool+" is not installed")
		}
	}
	script := filepath.Join(t.TempDir(), "test.sh")
	if err := os.WriteFile(script, []byte(testConfig), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range pairs {
		out, err := exec.Command("unshare", "-n", "-m", "sh", script, name+".conf").CombinedOutput()
		if err != nil {
			t.Errorf("%s.conf: %v\n%s", name, err, strings.TrimSpace(string(out)))
		}
	}
}
