package load_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

const key32 = "0123456789abcdef0123456789abcdef"

// TestAuthHMAC: the keywords of auth_hmac, and what is refused.
func TestAuthHMAC(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("hex:"+strings.Repeat("ab", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := conf(instance(" auth_hmac {\n key 1 " + key32 + "\n key 7 file:" + file + "\n active_key 7\n anti_replay monotonic\n time_window 9\n mode permissive\n }"))
	if cfg == nil {
		t.Fatal(diags)
	}
	h := cfg.Instances[0].AuthHMAC
	if len(h.Keys) != 2 || string(h.Keys[0].Key) != key32 || h.Keys[1].ID != 7 || len(h.Keys[1].Key) != 32 || h.Keys[1].Key[0] != 0xab ||
		h.ActiveKey != 7 || !h.Monotonic || h.TimeWindow != 9*time.Second || h.Mode != config.HMACPermissive {
		t.Errorf("got %+v", h)
	}
	cfg, _ = conf(instance(" auth_hmac {\n key 3 " + key32 + "\n }"))
	if h := cfg.Instances[0].AuthHMAC; h.ActiveKey != 3 || h.TimeWindow != 5*time.Second || h.Mode != config.HMACEnforce {
		t.Errorf("defaults: %+v", h)
	}
	for lines, want := range map[string]string{
		"key 1 short":                                 "no usable key",
		"key 1 hex:zz":                                "not hexadecimal",
		"key 1 file:/nonexistent":                     "no such file",
		"key 0 " + key32:                              "outside 1..255",
		"":                                            "no usable key",
		"key 1 " + key32 + "\nkey 2 " + key32:         "active_key is missing",
		"key 1 " + key32 + "\nactive_key 2":           "there is no such key",
		"key 1 " + key32 + "\nkey 1 " + key32:         "given twice",
		"key 1 " + key32 + "\nmode sometimes":         "not one of enforce",
		"key 1 " + key32 + "\ntime_window 301":        "outside 1..300",
		"key 1 " + key32 + "\nanti_replay whenever\n": "not one of time",
	} {
		_, diags := conf(instance(" auth_hmac {\n" + lines + "\n }"))
		found := false
		for _, d := range diags {
			found = found || strings.Contains(d.String(), want)
			if strings.Contains(d.String(), key32) {
				t.Errorf("%q: the key is told: %v", lines, d)
			}
		}
		if !found {
			t.Errorf("%q: no %q in %v", lines, want, diags)
		}
	}
}

// TestAdvertForm: checksums, TTLs, paths and lists.
func TestAdvertForm(t *testing.T) {
	for text, want := range map[string]config.VRRPInstance{
		"":                                {},
		" v3_checksum_as_v2":              {Checksum: config.ChecksumMessage},
		" v3_checksum_as_v2 false":        {},
		" v3_checksum follow":             {Checksum: config.ChecksumFollow},
		" old_unicast_checksum":           {Checksum: config.ChecksumOldUnicast},
		" old_unicast_checksum never":     {},
		" unicast_ttl 64":                 {UnicastTTL: 64},
		" drop_adv_addr_mismatch":         {DropAddrMismatch: true},
		" advert_paths {\n lo\n lo\n }":   {AdvertPaths: []string{"lo"}},
		" advert_paths {\n lo eth0\n }":   {AdvertPaths: []string{"lo"}},
		" drop_adv_addr_mismatch false\n": {},
	} {
		cfg, diags := conf(instance(text))
		if cfg == nil {
			t.Fatal(diags)
		}
		i := cfg.Instances[0]
		if i.Checksum != want.Checksum || i.UnicastTTL != want.UnicastTTL || i.DropAddrMismatch != want.DropAddrMismatch ||
			strings.Join(i.AdvertPaths, " ") != strings.Join(want.AdvertPaths, " ") {
			t.Errorf("%q: checksum %d, ttl %d, drop %v, paths %v", text, i.Checksum, i.UnicastTTL, i.DropAddrMismatch, i.AdvertPaths)
		}
	}
}

// TestKeyFiles: nobody waits for a pipe, a conversion names the file and not
// the key, and the file of another machine is not looked for.
func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, file, long := filepath.Join(dir, "pipe"), filepath.Join(dir, "key"), filepath.Join(dir, "long")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{file: "0123456789abcdef0123456789ABCDEF\n", long: strings.Repeat("x", 5000)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := func(path string) string { return instance(" auth_hmac {\n key 1 file:" + path + "\n }") }
	for path, why := range map[string]string{pipe: "not a regular file", long: "no key", "/dev/zero": "not a regular file"} {
		if cfg, diags := conf(text(path)); cfg != nil || !strings.Contains(fmt.Sprint(diags), why) {
			t.Errorf("%s: %v", path, diags)
		}
	}
	cfg, diags := conf(text(file))
	if cfg == nil || len(cfg.Instances[0].AuthHMAC.Keys[0].Key) != 32 {
		t.Fatal(diags)
	}
	opts := memory(map[string]string{"k.conf": text("/on/another/machine")})
	opts.NoKeyFiles = true
	if cfg, diags := load.Load("k.conf", opts); cfg == nil || len(cfg.Instances[0].AuthHMAC.Keys[0].Key) != 0 {
		t.Error(diags)
	}
	for _, path := range []string{file, "/on/another/machine"} {
		c, diags, err := load.Convert("k.conf", config.TOML, memory(map[string]string{"k.conf": text(path)}))
		if err != nil {
			t.Fatal(err, diags)
		}
		if !strings.Contains(c.Text, "file:"+path) || strings.Contains(c.Text, "3031") {
			t.Error(c.Text)
		}
	}
}
