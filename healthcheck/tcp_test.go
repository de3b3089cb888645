package healthcheck

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen serves connections on a random port of loopback with f.
func listen(t *testing.T, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	return listenOn(t, "127.0.0.1:0", f)
}

func listenOn(t *testing.T, addr string, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// check makes a check. Where it is not about the time that one takes it has enough of
// that on a machine that stands still for some seconds.
func check(t *testing.T, c Config, d Deps) Check {
	t.Helper()
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = time.Minute
	}
	k, err := New(c, d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTCPConnectsAndSendsNothing(t *testing.T) {
	got := make(chan []byte, 1)
	addr := listen(t, func(c net.Conn) {
		b, _ := io.ReadAll(c)
		got <- b
	})
	r := check(t, Config{Kind: TCP, Addr: addr}, Deps{}).Run(t.Context())
	if !r.Up || r.More || r.Weight != -1 || r.Latency <= 0 {
		t.Errorf("%+v", r)
	}
	if b := <-got; len(b) != 0 {
		t.Errorf("sent %q", b)
	}
}

// refusing is an address of loopback where nobody listens, and nobody else can
// while the test runs.
func refusing(t *testing.T) netip.AddrPort {
	t.Helper()
	_, addr := bound(t)
	return addr
}

// bound is a socket with a port of 127.0.0.1.
func bound(t *testing.T) (fd int, addr netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*unix.SockaddrInet4).Port))
}

func TestTCPSaysWhyNot(t *testing.T) {
	addr := refusing(t)
	r := check(t, Config{Kind: TCP, Addr: addr}, Deps{}).Run(t.Context())
	if r.Up || r.Text != "connect: connection refused" {
		t.Errorf("%+v", r)
	}
}

// full returns the address of a listener whose queue is full: the kernel then
// leaves further SYNs without an answer.
func full(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, addr := bound(t)
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	// It is full when the kernel says so: one that is not may also take long to answer.
	c, err := net.DialTimeout("tcp", addr.String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		// Of a listener these are how many wait to be accepted, and how many may.
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		if info.Unacked > info.Sacked {
			return addr
		}
		if time.Now().After(end) {
			t.Fatal("the queue does not fill up")
		}
	}
}

func TestTCPTimesOut(t *testing.T) {
	addr := full(t)
	k := check(t, Config{Kind: TCP, Addr: addr, ConnectTimeout: 100 * time.Millisecond}, Deps{})
	began := time.Now()
	r := k.Run(t.Context())
	if r.Up || r.Text != "connect: timed out" {
		t.Errorf("%+v", r)
	}
	if d := time.Since(began); d < 100*time.Millisecond || d > 30*time.Second {
		t.Errorf("took %v", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began = time.Now()
	check(t, Config{Kind: TCP, Addr: addr, ConnectTimeout: 2 * time.Minute}, Deps{}).Run(ctx)
	if d := time.Since(began); d > time.Minute {
		t.Errorf("the context did not end the look: %v", d)
	}
}

func TestTCPLocalEnd(t *testing.T) {
	from := make(chan netip.AddrPort, 4)
	addr := listen(t, func(c net.Conn) { from <- c.RemoteAddr().(*net.TCPAddr).AddrPort() })
	var port uint16
	for i, c := range []Config{
		{BindTo: netip.MustParseAddr("127.0.0.9")},
		{BindTo: netip.MustParseAddr("127.0.0.9")},
		{},
	} {
		c.Kind, c.Addr = TCP, addr
		var r Result
		for range 10 { // somebody else may have taken the port meanwhile
			if i > 0 {
				c.BindPort = freePort(t)
			}
			if r = check(t, c, Deps{}).Run(t.Context()); r.Up || !strings.Contains(r.Text, "already in use") {
				break
			}
		}
		if !r.Up {
			t.Errorf("%+v: %s", c, r.Text)
			continue
		}
		if i == 1 {
			port = c.BindPort
		}
		got := <-from
		if c.BindTo.IsValid() && got.Addr() != c.BindTo || c.BindPort != 0 && got.Port() != c.BindPort {
			t.Errorf("bindto %v port %d: came from %v", c.BindTo, c.BindPort, got)
		}
	}
	// The same port again at once.
	c := Config{Kind: TCP, Addr: addr, BindTo: netip.MustParseAddr("127.0.0.9"), BindPort: port}
	if r := check(t, c, Deps{}).Run(t.Context()); !r.Up && !strings.Contains(r.Text, "cannot assign requested address") {
		t.Errorf("again: %s", r.Text)
	}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

func TestTCPFWMark(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("HOLDFAST_REQUIRE") != "" {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
	addr := listen(t, func(net.Conn) {})
	d, err := newDialer(Config{Kind: TCP, Addr: addr, FWMark: 0x77})
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rc, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var mark int
	_ = rc.Control(func(fd uintptr) { mark, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK) })
	if err != nil || mark != 0x77 {
		t.Errorf("mark %#x (%v), want 0x77", mark, err)
	}
}

func TestTCPOverIPv6(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else {
		l.Close()
	}
	addr := listenOn(t, "[::1]:0", func(net.Conn) {})
	for i, c := range []Config{{}, {BindTo: netip.MustParseAddr("::1")}, {}} {
		c.Kind, c.Addr = TCP, addr
		var r Result
		for range 10 { // somebody else may have taken the port meanwhile
			if i == 2 {
				c.BindPort = freePort(t)
			}
			if r = check(t, c, Deps{}).Run(t.Context()); r.Up || !strings.Contains(r.Text, "already in use") {
				break
			}
		}
		if !r.Up {
			t.Errorf("%+v: %s", c, r.Text)
		}
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	addr := netip.MustParseAddrPort("192.0.2.1:80")
	url := []URL{{Path: "/"}}
	exec := func(context.Context, Command) (int, string, error) { return 0, "", nil }
	for _, c := range []struct {
		cfg  Config
		exec Exec
		want string
	}{
		{Config{Kind: "PING"}, nil, `unknown kind of check "PING"`},
		{Config{Kind: SSL, Addr: addr}, nil, "SSL_GET is not supported yet"},
		{Config{Kind: TCP}, nil, "no address"},
		{Config{Kind: TCP, Addr: netip.MustParseAddrPort("192.0.2.1:0")}, nil, "no port"},
		{Config{Kind: TCP, Addr: addr, BindTo: netip.MustParseAddr("2001:db8::1")}, nil, "another address family"},
		{Config{Kind: HTTP, Addr: addr}, nil, "no url"},
		{Config{Kind: HTTP, Addr: addr, URLs: []URL{{Path: "x"}}}, nil, `url "x"`},
		{Config{Kind: HTTP, Addr: addr, URLs: []URL{{Path: "/a b"}}}, nil, "spaces"},
		{Config{Kind: HTTP, Addr: addr, URLs: []URL{{Path: "/", Host: "a\r\nEvil: 1"}}}, nil, "control characters"},
		{Config{Kind: HTTP, Addr: addr, URLs: []URL{{Path: "/", Digest: "abc"}}}, nil, `digest "abc"`},
		{Config{Kind: HTTP, Addr: addr, URLs: url, Protocol: "2"}, nil, `http_protocol "2"`},
		{Config{Kind: Misc}, exec, "no misc_path"},
		{Config{Kind: Misc, Command: Command{Args: []string{"x"}}}, nil, "no way to run programs"},
	} {
		if k, err := New(c.cfg, Deps{Exec: c.exec}); err == nil || k != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.cfg, err, c.want)
		}
	}
}
