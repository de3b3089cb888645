package healthcheck

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net"
	"strings"
	"time"
)

// httpCheck gets one page a run: the next one after a success, the same one
// again after a failure.
type httpCheck struct {
	dial  *dialer
	idle  time.Duration // longest wait for data
	total time.Duration // longest exchange, connect included
	pages []page

	at   int // the page of the next run
	good int // successes in a row, up to len(pages)
}

// page is a URL made ready.
type page struct {
	name    string // for messages
	request []byte
	digest  []byte // nil: not compared
	status  []StatusRange
}

func newHTTP(c Config) (Check, error) {
	d, err := newDialer(c)
	if err != nil {
		return nil, err
	}
	h := &httpCheck{dial: d, idle: c.connectTimeout()}
	// keepalived bounds each wait only, so that a server may drip for ever.
	// A page may take as long as the checks are apart.
	h.total = h.idle + max(h.idle, c.delayLoop())
	if len(c.URLs) == 0 {
		return nil, fmt.Errorf("healthcheck: %s %s: no url", c.Kind, c.Addr)
	}
	for _, u := range c.URLs {
		p, err := newPage(c, u)
		if err != nil {
			return nil, fmt.Errorf("healthcheck: %s %s: %w", c.Kind, c.Addr, err)
		}
		h.pages = append(h.pages, p)
	}
	return h, nil
}

func newPage(c Config, u URL) (page, error) {
	p := page{name: u.Path, status: u.Status}
	if len(p.status) == 0 {
		p.status = []StatusRange{{200, 299}}
	}
	if u.Digest != "" {
		b, err := hex.DecodeString(u.Digest)
		if err != nil || len(b) != md5.Size {
			return p, fmt.Errorf("url %s: digest %q is not 32 hex digits", u.Path, u.Digest)
		}
		p.digest = b
	}
	var version, extra string
	switch c.Protocol {
	case "", "1.0":
		version = "1.0"
	case "1.0C", "1.0c":
		version, extra = "1.0", "Connection: close\r\n"
	case "1.1":
		version, extra = "1.1", "Connection: close\r\n"
	default:
		return p, fmt.Errorf("http_protocol %q is not known", c.Protocol)
	}
	host := u.Host
	if host == "" {
		host = c.Addr.String()
	}
	if !strings.HasPrefix(u.Path, "/") {
		return p, fmt.Errorf("url %q does not begin with a slash", u.Path)
	}
	if !wordOnly(u.Path) || !wordOnly(host) {
		return p, fmt.Errorf("url %q, host %q: spaces and control characters are not allowed", u.Path, host)
	}
	p.request = []byte("GET " + u.Path + " HTTP/" + version + "\r\n" +
		"User-Agent: KeepAliveClient\r\n" + extra + "Host: " + host + "\r\n\r\n")
	return p, nil
}

// wordOnly reports whether s can stand in a request without changing it.
func wordOnly(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func (h *httpCheck) Run(ctx context.Context) Result {
	began := time.Now()
	p := h.pages[h.at]
	status, err := h.get(ctx, p)
	r := Result{Weight: -1, Latency: time.Since(began)}
	if err != nil {
		h.good = 0
		r.Text = "url " + p.name + ": " + reason(err)
		return r
	}
	h.at = (h.at + 1) % len(h.pages)
	h.good = min(h.good+1, len(h.pages))
	r.Up, r.More = true, h.good < len(h.pages)
	r.Text = fmt.Sprintf("status %d", status)
	return r
}

// get fetches a page and returns its status, with an error when the page is
// not what it should be.
func (h *httpCheck) get(ctx context.Context, p page) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, h.total)
	defer cancel()
	conn, err := h.dial.dial(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	_ = conn.SetWriteDeadline(time.Now().Add(h.idle))
	if _, err := conn.Write(p.request); err != nil {
		return 0, ended(ctx, err)
	}
	// genhash, and so the digests in people's files, counts the framing of a
	// chunked body in; which is the server's whim. Both digests are accepted.
	var body, raw io.Writer = io.Discard, io.Discard
	var sum, rawSum hash.Hash
	if p.digest != nil {
		sum, rawSum = md5.New(), md5.New()
		body, raw = sum, rawSum
	}
	res, err := readResponse(&idleReader{conn, h.idle}, body, raw)
	switch {
	case err != nil:
		return 0, ended(ctx, err)
	case !accepted(p.status, res.status):
		return res.status, fmt.Errorf("status %d", res.status)
	case sum != nil && res.cut:
		return res.status, fmt.Errorf("body larger than %d bytes", maxBody)
	case sum != nil && !bytes.Equal(sum.Sum(nil), p.digest) &&
		!(res.chunked && bytes.Equal(rawSum.Sum(nil), p.digest)):
		return res.status, fmt.Errorf("digest %x, want %x", sum.Sum(nil), p.digest)
	}
	return res.status, nil
}

// ended tells the limit of the whole exchange from an error of the server.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == context.DeadlineExceeded {
		return context.DeadlineExceeded
	}
	return err
}

func accepted(ranges []StatusRange, status int) bool {
	for _, r := range ranges {
		if status >= r.Low && status <= r.High {
			return true
		}
	}
	return false
}

// idleReader gives every read its own deadline.
type idleReader struct {
	conn net.Conn
	wait time.Duration
}

func (r *idleReader) Read(b []byte) (int, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(r.wait)); err != nil {
		return 0, err
	}
	return r.conn.Read(b)
}
