package healthcheck

import (
	"bufio"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// raw answers every connection with the text after reading the request.
func raw(t *testing.T, answer string) netip.AddrPort {
	t.Helper()
	return listen(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, answer)
	})
}

func digest(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

func get(t *testing.T, addr netip.AddrPort, u URL) Result {
	t.Helper()
	if u.Path == "" {
		u.Path = "/"
	}
	return check(t, Config{Kind: HTTP, Addr: addr, URLs: []URL{u}, ConnectTimeout: time.Minute}, Deps{}).Run(t.Context())
}

func TestHTTPRequestBytes(t *testing.T) {
	got := make(chan string, 1)
	addr := listen(t, func(c net.Conn) {
		b := make([]byte, 1000)
		n, _ := c.Read(b)
		got <- string(b[:n])
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
	})
	for _, c := range []struct {
		protocol, host string
		want           string
	}{
		{"", "", "GET /a?b=1 HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: " + addr.String() + "\r\n\r\n"},
		{"1.0", "www.example.com", "GET /a?b=1 HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: www.example.com\r\n\r\n"},
		{"1.0C", "www.example.com", "GET /a?b=1 HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www.example.com\r\n\r\n"},
		{"1.1", "www.example.com", "GET /a?b=1 HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www.example.com\r\n\r\n"},
	} {
		k := check(t, Config{Kind: HTTP, Addr: addr, Protocol: c.protocol, URLs: []URL{{Path: "/a?b=1", Host: c.host}}}, Deps{})
		if r := k.Run(t.Context()); !r.Up {
			t.Errorf("%q: %s", c.protocol, r.Text)
		}
		if g := <-got; g != c.want {
			t.Errorf("protocol %q\ngot  %q\nwant %q", c.protocol, g, c.want)
		}
	}
}

func TestHTTPAgainstARealServer(t *testing.T) {
	body := strings.Repeat("0123456789", 5000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/chunked":
			for i := range 10 {
				_, _ = io.WriteString(w, body[i*5000:(i+1)*5000])
				w.(http.Flusher).Flush()
			}
		case "/404":
			http.NotFound(w, r)
		case "/204":
			w.WriteHeader(204)
		default:
			_, _ = io.WriteString(w, body)
		}
	}))
	defer srv.Close()
	addr := netip.MustParseAddrPort(strings.TrimPrefix(srv.URL, "http://"))
	for _, protocol := range []string{"1.0", "1.0C", "1.1"} {
		for _, c := range []struct {
			url  URL
			want string // "" up
		}{
			{URL{Path: "/"}, ""},
			{URL{Path: "/", Digest: digest(body)}, ""},
			{URL{Path: "/", Digest: strings.ToUpper(digest(body))}, ""},
			{URL{Path: "/chunked", Digest: digest(body)}, ""},
			{URL{Path: "/", Digest: digest("x")}, "url /: digest " + digest(body) + ", want " + digest("x")},
			{URL{Path: "/404"}, "url /404: status 404"},
			{URL{Path: "/404", Status: []StatusRange{{200, 200}, {400, 404}}}, ""},
			{URL{Path: "/", Status: []StatusRange{{201, 299}}}, "url /: status 200"},
			{URL{Path: "/204"}, ""},
		} {
			k := check(t, Config{Kind: HTTP, Addr: addr, Protocol: protocol, URLs: []URL{c.url}}, Deps{})
			r := k.Run(t.Context())
			if r.Up != (c.want == "") || (!r.Up && r.Text != c.want) {
				t.Errorf("%s %+v: %+v, want %q", protocol, c.url, r, c.want)
			}
		}
	}
}

func TestHTTPUrlsInTurn(t *testing.T) {
	var paths []string
	var bad atomic.Value
	bad.Store("")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		if r.URL.Path == bad.Load() {
			w.WriteHeader(500)
		}
	}))
	defer srv.Close()
	addr := netip.MustParseAddrPort(strings.TrimPrefix(srv.URL, "http://"))
	k := check(t, Config{Kind: HTTP, Addr: addr, URLs: []URL{{Path: "/a"}, {Path: "/b"}, {Path: "/c"}}}, Deps{})
	var got []string
	run := func(n int) {
		for range n {
			r := k.Run(t.Context())
			switch {
			case !r.Up:
				got = append(got, "f")
			case r.More:
				got = append(got, "p")
			default:
				got = append(got, "u")
			}
		}
	}
	run(5)
	bad.Store("/c")
	run(2)
	bad.Store("")
	run(4)
	if g, want := strings.Join(paths, ""), "/a/b/c/a/b/c/c/c/a/b/c"; g != want {
		t.Errorf("asked for %s, want %s", g, want)
	}
	if g, want := strings.Join(got, ""), "ppuuuffppuu"; g != want {
		t.Errorf("results %s, want %s", g, want)
	}
}

func TestHTTPHostileAnswers(t *testing.T) {
	long := strings.Repeat("x", maxHeader)
	for _, c := range []struct{ name, answer, want string }{
		{"nothing", "", "connection closed in the header"},
		{"not HTTP", "SSH-2.0-OpenSSH\r\n", errNotHTTP.Error()},
		{"HTTP/0.9", "<html>\n", errNotHTTP.Error()},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", errNotHTTP.Error()},
		{"no space", "HTTP/1.0200 OK\r\n\r\n", errNotHTTP.Error()},
		{"four digits", "HTTP/1.0 2000\r\n\r\n", errNotHTTP.Error()},
		{"status 999", "HTTP/1.0 999 x\r\n\r\n", "status 999"},
		{"no end of header", "HTTP/1.0 200 OK\r\nA: b\r\n", "connection closed in the header"},
		{"endless status line", "HTTP/1.0 200 " + long, "header longer"},
		{"endless header line", "HTTP/1.0 200 OK\r\nA: " + long, "header longer"},
		{"many header lines", "HTTP/1.0 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHeader/6) + "\r\n", "header longer"},
		{"no colon", "HTTP/1.0 200 OK\r\nAbc\r\n\r\n", "bad header line"},
		{"lengths differ", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "bad content-length"},
		{"negative length", "HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\nab", "bad content-length"},
		{"huge length", "HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nab", "bad content-length"},
		{"short body", "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nab", "body ended after 2 of 9 bytes"},
		{"gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "transfer-encoding"},
		{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "transfer-encoding"},
		{"bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad chunk"},
		{"huge chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "bad chunk"},
		{"chunk without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", "bad chunk"},
		{"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "inside a chunk"},
		{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "connection closed"},
		{"many chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", maxChunks+1), "too many chunks"},
		{"long chunk line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("e", 5000) + "\r\n", "header longer"},
		{"interim for ever", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20), "too many interim"},
		{"switching", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get(t, raw(t, c.answer), URL{})
			if r.Up || !strings.Contains(r.Text, c.want) {
				t.Errorf("%+v, want a failure with %q", r, c.want)
			}
			if len(r.Text) > 300 {
				t.Errorf("the reason has %d bytes", len(r.Text))
			}
		})
	}
}

func TestHTTPUnusualButFine(t *testing.T) {
	for _, c := range []struct{ name, answer, body string }{
		{"LF only", "HTTP/1.0 200 OK\nA: b\n\nhello", "hello"},
		{"no reason", "HTTP/1.1 200\r\n\r\nhello", "hello"},
		{"length shorter than what follows", "HTTP/1.1 200 OK\r\ncontent-length: 5 \r\n\r\nhello and more", "hello"},
		{"length twice the same", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"interim first", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello", "hello"},
		{"continuation line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nhello", "hello"},
		{"chunks with extension and trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhe\r\n003 \r\nllo\r\n0\r\nT: r\r\n\r\n", "hello"},
		{"chunks count, not the length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello", "hello"},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
		{"304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get(t, raw(t, c.answer), URL{Digest: digest(c.body), Status: []StatusRange{{200, 304}}})
			if !r.Up {
				t.Errorf("%s", r.Text)
			}
		})
	}
}

// The digest genhash prints for a chunked body (seen with 2.2.7) is that of
// the bytes as they came.
func TestHTTPDigestOfChunks(t *testing.T) {
	addr := raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	for sum, up := range map[string]bool{
		"5d41402abc4b2a76b9719d911017c592": true, // hello
		"79e9489e3bd3f0cb0158215341de046d": true, // by genhash
		digest("Hello"):                    false,
	} {
		if r := get(t, addr, URL{Digest: sum}); r.Up != up {
			t.Errorf("%s: %+v, want up %v", sum, r, up)
		}
	}
}

func TestHTTPBodyIsBounded(t *testing.T) {
	var sent atomic.Int64
	addr := listen(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
		b := make([]byte, 1<<16)
		for {
			n, err := c.Write(b)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	if r := get(t, addr, URL{Digest: digest("x")}); r.Up || !strings.Contains(r.Text, "body larger than") {
		t.Errorf("with a digest: %+v", r)
	}
	if r := get(t, addr, URL{}); !r.Up {
		t.Errorf("without a digest: %+v", r)
	}
	if n := sent.Load(); n > 4*maxBody {
		t.Errorf("the server could send %d bytes", n)
	}
}

// A server that drips bytes keeps every single wait short and is still cut.
func TestHTTPSlowServers(t *testing.T) {
	drip := listen(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\nA: ")
		for {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	stall := listen(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		_, _ = io.Copy(io.Discard, c)
	})
	// The limits are 450 ms and 150 ms; a drip would go on for minutes, the others
	// for ever. On a busy machine the connection alone may take longer, and then there
	// is more time.
	for _, c := range []struct {
		name string
		addr netip.AddrPort
	}{{"drip", drip}, {"silent", silent}, {"stalls in the body", stall}} {
		var r Result
		for limit := 150 * time.Millisecond; limit < 30*time.Second; limit *= 3 {
			k := check(t, Config{
				Kind: HTTP, Addr: c.addr, URLs: []URL{{Path: "/"}}, ConnectTimeout: limit, DelayLoop: 2 * limit,
			}, Deps{})
			if r = k.Run(t.Context()); r.Text != "url /: connect: timed out" {
				break
			}
		}
		if r.Up || r.Text != "url /: timed out" && !strings.Contains(r.Text, "deadline") {
			t.Errorf("%s: %+v", c.name, r)
		}
		if r.Latency > 30*time.Second {
			t.Errorf("%s took %v", c.name, r.Latency)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	check(t, Config{Kind: HTTP, Addr: silent, URLs: []URL{{Path: "/"}}, ConnectTimeout: 2 * time.Minute}, Deps{}).Run(ctx)
	if d := time.Since(began); d > time.Minute {
		t.Errorf("the end of the context took %v to end the look", d)
	}
}

func TestHTTPRefused(t *testing.T) {
	addr := refusing(t)
	if r := get(t, addr, URL{}); r.Up || r.Text != "url /: connection refused" {
		t.Errorf("%+v", r)
	}
}

// FuzzReadResponse: whatever a server sends, reading it ends, stays within the
// limits, and what is accepted has a status and only as much body as came.
func FuzzReadResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.0 200 OK\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\nA:b\n c\n\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff;x\r\n",
		"HTTP/1.0 200",
		"\n\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var body strings.Builder
		var raw strings.Builder
		res, err := readResponse(strings.NewReader(string(in)), &body, &raw)
		if raw.Len() > len(in) || raw.Len() > 0 != res.chunked && err == nil {
			t.Fatalf("%d raw bytes from %d, chunked %v", raw.Len(), len(in), res.chunked)
		}
		if body.Len() > maxBody || body.Len() > len(in) || int64(body.Len()) != res.size && err == nil {
			t.Fatalf("%d bytes of body from %d, size says %d", body.Len(), len(in), res.size)
		}
		if err != nil {
			if len(err.Error()) > 250 {
				t.Fatalf("error of %d bytes", len(err.Error()))
			}
			return
		}
		if res.status < 200 || res.status > 599 {
			t.Fatalf("status %d accepted", res.status)
		}
		if !strings.Contains(string(in), fmt.Sprint(res.status)) {
			t.Fatalf("status %d is not in the input", res.status)
		}
	})
}
