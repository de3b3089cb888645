package role

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/vrrp/link"
)

// Every field of the model, at every depth, gets a value that is not zero, so
// that a field which does not travel is found whenever one is added.
func fill(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		*x = netip.MustParseAddr("2001:db8::1")
		return
	case *netip.Prefix:
		*x = netip.MustParsePrefix("192.0.2.10/24")
		return
	case *time.Time:
		*x = time.Unix(1, 2).UTC()
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.String:
		v.SetString(path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Pointer:
		if v.Type().Elem().Kind() != reflect.Struct {
			t.Errorf("%s: a %v does not travel when it points to zero", path, v.Type())
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		t.Errorf("%s: no example of %v", path, v.Type())
	}
}

var compareNet = cmp.Options{
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

func TestBootRecordSurvivesTheMemfd(t *testing.T) {
	var full config.Config
	fill(t, reflect.ValueOf(&full).Elem(), "Config")
	for name, cfg := range map[string]*config.Config{
		"every field":   &full,
		"empty":         {},
		"zero elements": {Instances: make([]config.VRRPInstance, 2), Global: config.GlobalDefs{LVSSyncDaemon: &config.LVSSyncDaemon{}}},
	} {
		t.Run(name, func(t *testing.T) {
			want := Boot{
				Options:   Options{Console: true, Detail: 2},
				Config:    cfg,
				Resume:    []Resume{{Router: "VI_1", SentAt: time.Hour + 2}},
				Leftovers: link.Wanted{Addresses: []link.Address{{Ifindex: 3, Prefix: netip.MustParsePrefix("192.0.2.11/32")}}},
				Owned:     []byte(`{"a":1}`),
				Restarted: true,
			}
			enc, err := Encode(cfg)
			if err != nil {
				t.Fatal(err)
			}
			want.ID = enc.ID()
			f, err := WriteBoot(want, enc)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ReadBoot(f)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got, compareNet); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func TestABootRecordThatIsCutShortIsAnError(t *testing.T) {
	enc, err := Encode(&config.Config{Files: []string{"a.conf"}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := WriteBoot(Boot{}, enc[:len(enc)-1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadBoot(f); err == nil {
		t.Error("no error")
	}
}

func TestExitCodesOfChildren(t *testing.T) {
	for _, c := range []struct {
		err       error
		restarted bool
		daemon    int
		permanent bool
	}{
		{nil, false, 0, false},
		{errors.New("x"), false, DaemonFatal, true},
		{errors.New("x"), true, 0, false},
		{fmt.Errorf("x: %w", unix.EPERM), true, DaemonPermission, true},
	} {
		daemon, permanent := Permanent(ExitCode(c.err, c.restarted))
		if daemon != c.daemon || permanent != c.permanent {
			t.Errorf("%v, restarted %t: %d, %t", c.err, c.restarted, daemon, permanent)
		}
	}
	// 2 is a Go panic, 1 what a shell or os.Exit would give.
	for _, code := range []int{0, 1, 2, 4, -1, 128 + 9} {
		if _, permanent := Permanent(code); permanent {
			t.Errorf("exit code %d keeps a child from being replaced", code)
		}
	}
}

// TestMain plays a child that has signals sent to it.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_SIGNALS") != "" {
		os.Exit(signalled())
	}
	os.Exit(m.Run())
}

func signalled() int {
	HoldSignals(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, end := UntilTerm()
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	end() // as the end of the parent's stream does
	<-ctx.Done()
	for range 3 {
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(10 * time.Millisecond)
	}
	// A script that sees its signals as a daemon's child should.
	out, err := exec.Command("grep", "SigIgn", "/proc/self/status").Output()
	if err != nil {
		return 1
	}
	fmt.Print(string(out))
	return 0
}

func TestSignalsNeitherEndTheProcessNorReachItsScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TEST_SIGNALS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var ignored uint64
	if _, err := fmt.Sscanf(string(out), "SigIgn: %x", &ignored); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if bit := uint64(1)<<(syscall.SIGHUP-1) | 1<<(syscall.SIGPIPE-1) | 1<<(syscall.SIGTERM-1); ignored&bit != 0 {
		t.Errorf("scripts inherit ignored signals: %x", ignored)
	}
}

// Whoever gets a record of another form says what is to be done. 0 is the form of parents
// whose messages have a header in JSON.
func TestARecordOfAnotherFormIsRefused(t *testing.T) {
	f, err := WriteBoot(Boot{}, encode(t, servers(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	record, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil || len(record) == 0 {
		t.Fatal(err)
	}
	for _, form := range []byte{0, 0x2f} {
		f, err := os.CreateTemp(t.TempDir(), "boot")
		if err != nil {
			t.Fatal(err)
		}
		record[0] = form
		if _, err := f.Write(record); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBoot(f); !errors.Is(err, errForm) {
			t.Errorf("form %d: %v", form, err)
		}
	}
	enc := append(make([]byte, identities), 0x40, 1, 2, 3)
	if _, err := Decode(enc); !errors.Is(err, errForm) {
		t.Errorf("%v", err)
	}
	if all := encode(t, servers(1, 1)); !slices.Equal(all, all.Since(enc)) {
		t.Error("a change of a form that is not known")
	}
}
