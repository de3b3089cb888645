package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Request is one HTTP request of a Client.
type Request struct {
	Start, End time.Time
	Body       string // what the server answered, without the header
	Err        error  // why there was no answer of status 200
}

// Client sends HTTP requests from a host at a fixed pace, whatever became of
// the ones before, each on a connection of its own and from a port that none
// before had, as requests of different clients are: IPVS remembers a
// connection for two minutes and sends a reused port to the same server.
type Client struct {
	host    *Host
	server  netip.AddrPort
	every   time.Duration
	timeout time.Duration
	port    uint16 // of the last request
	stop    func()

	mu   sync.Mutex
	done []Request
}

// Client starts to send a request every so often; one without an answer after
// timeout has failed.
func (h *Host) Client(server netip.AddrPort, every, timeout time.Duration) *Client {
	c := &Client{host: h, server: server, every: every, timeout: timeout}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Do(func() error {
			c.run(quit)
			return nil
		})
	}()
	c.stop = sync.OnceFunc(func() {
		close(quit)
		<-ended
	})
	h.lab.onClose(c.Close)
	return c
}

// run opens the connections, on a thread of the host; the rest of each request
// may run anywhere.
func (c *Client) run(quit <-chan struct{}) {
	var wg sync.WaitGroup
	defer wg.Wait()
	next := time.Now()
	for {
		select {
		case <-quit:
			return
		case <-time.After(time.Until(next)):
		}
		next = next.Add(c.every)
		start := time.Now()
		conn, err := c.connect()
		if err != nil {
			c.add(Request{Start: start, End: time.Now(), Err: err})
			continue
		}
		wg.Go(func() {
			body, err := get(conn, start.Add(c.timeout))
			c.add(Request{Start: start, End: time.Now(), Body: body, Err: err})
		})
	}
}

func (c *Client) add(r Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = append(c.done, r)
}

// firstPort is the lowest source port of a Client.
const firstPort = 2048

// connect starts a connection without waiting for it.
func (c *Client) connect() (*os.File, error) {
	to := c.server
	family, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()})
	if ip := to.Addr().Unmap(); ip.Is4() {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: ip.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	for range 100 {
		c.port = max(c.port+1, firstPort)
		var own unix.Sockaddr = &unix.SockaddrInet4{Port: int(c.port)}
		if family == unix.AF_INET6 {
			own = &unix.SockaddrInet6{Port: int(c.port)}
		}
		if err = unix.Bind(fd, own); !errors.Is(err, unix.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Connect(fd, sa); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return nil, fmt.Errorf("connect: %w", err)
	}
	return os.NewFile(uintptr(fd), to.String()), nil
}

// get asks for / on a connection that may still be under way.
func get(conn *os.File, deadline time.Time) (string, error) {
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := conn.WriteString("GET / HTTP/1.0\r\nHost: lab\r\n\r\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(conn, 1<<16))
	if err != nil {
		return "", err
	}
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	status, _, _ := strings.Cut(string(head), "\r\n")
	if !ok || !strings.Contains(status, " 200 ") {
		return "", fmt.Errorf("answer %q", status)
	}
	return strings.TrimSpace(string(body)), nil
}

// Close stops sending and waits for the answers that are under way.
func (c *Client) Close() { c.stop() }

// Requests are those that were started in the time given and have ended, in
// the order of their start.
func (c *Client) Requests(from, to time.Time) []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Request
	for _, r := range c.done {
		if !r.Start.Before(from) && r.Start.Before(to) {
			out = append(out, r)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Start.Before(out[j].Start) })
	return out
}

// Summary is what came of a number of requests.
type Summary struct {
	Sent, Failed int
	By           map[string]int // answers by body
	Reasons      map[string]int // failures by cause
	// Silence is the longest time without an answer, and when it began.
	Silence      time.Duration
	SilenceBegan time.Time
}

// Summarise counts the requests that were started in the time given.
func (c *Client) Summarise(from, to time.Time) Summary {
	s := Summary{By: map[string]int{}, Reasons: map[string]int{}}
	var ends []time.Time
	for _, r := range c.Requests(from, to) {
		s.Sent++
		if r.Err != nil {
			s.Failed++
			s.Reasons[reason(r.Err)]++
			continue
		}
		s.By[r.Body]++
		ends = append(ends, r.End)
	}
	sort.Slice(ends, func(i, j int) bool { return ends[i].Before(ends[j]) })
	last := from
	for _, e := range append(ends, to) {
		if e.After(to) {
			e = to
		}
		if d := e.Sub(last); d > s.Silence {
			s.Silence, s.SilenceBegan = d, last
		}
		last = e
	}
	return s
}

func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer"
	case errors.Is(err, unix.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, unix.ECONNRESET):
		return "connection reset"
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return "no route"
	}
	return err.Error()
}

// NginxServer runs nginx in a host; every answer's body is the text given.
func (h *Host) NginxServer(body string, ports ...int) (*Process, error) {
	if len(ports) == 0 {
		ports = []int{80}
	}
	var listen strings.Builder
	six := false
	_ = h.Do(func() error {
		_, err := os.Stat("/proc/thread-self/net/if_inet6")
		six = err == nil
		return nil
	})
	for _, p := range ports {
		fmt.Fprintf(&listen, "listen %d; ", p)
		if six {
			fmt.Fprintf(&listen, "listen [::]:%d; ", p)
		}
	}
	// One process, so that killing it kills the server; no file outside /run.
	conf := fmt.Sprintf(`daemon off; master_process off; pid /run/nginx.pid; error_log stderr;
events {}
http {
  access_log off; keepalive_timeout 0; default_type text/plain; server_tokens off;
  client_body_temp_path /run/nginx-body; proxy_temp_path /run/nginx-proxy; fastcgi_temp_path /run/nginx-fastcgi;
  uwsgi_temp_path /run/nginx-uwsgi; scgi_temp_path /run/nginx-scgi;
  server { %sreturn 200 "%s\n"; }
}
`, listen.String(), body)
	path := h.Path("nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	p, err := h.Start(Spec{Args: []string{"nginx", "-e", "stderr", "-c", path}})
	if err != nil {
		return nil, err
	}
	if !WaitFor(30*time.Second, func() bool { return !p.Running() || h.listens(ports[0]) }) || !p.Running() {
		return nil, fmt.Errorf("lab: %s: nginx does not run: %s", h.Name, p.Log())
	}
	return p, nil
}

// listens reports whether something in the host accepts connections on a port.
func (h *Host) listens(port int) bool {
	found := false
	_ = h.Do(func() error {
		b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/net/tcp", unix.Gettid()))
		if err != nil {
			return err
		}
		want := fmt.Sprintf(":%04X", port)
		for line := range strings.SplitSeq(string(b), "\n") {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[1], want) && f[3] == "0A" {
				found = true
			}
		}
		return nil
	})
	return found
}
