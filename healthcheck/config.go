package healthcheck

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Kind is keepalived's keyword for a kind of check.
type Kind string

// The kinds.
const (
	TCP  Kind = "TCP_CHECK"
	HTTP Kind = "HTTP_GET"
	SSL  Kind = "SSL_GET"
	Misc Kind = "MISC_CHECK"
)

// keepalived's defaults.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultDelayLoop      = 60 * time.Second
)

// Config describes one check. Two configs of which [Config.Look] is equal are the
// same check, which looks at other times or in another way.
type Config struct {
	Kind Kind
	// Addr is where TCP_CHECK, HTTP_GET and SSL_GET connect to.
	Addr netip.AddrPort
	// BindTo and BindPort are the local end; invalid and 0: the kernel's choice.
	BindTo   netip.Addr
	BindPort uint16
	// FWMark is set on the connection's packets; 0: none. Needs CAP_NET_ADMIN.
	FWMark uint32
	// ConnectTimeout bounds the connect, and each wait for data after it;
	// 0: DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// DelayLoop is the time between the end of one look and the next;
	// 0: DefaultDelayLoop.
	DelayLoop time.Duration
	// Warmup spreads the first look over this time.
	Warmup time.Duration
	// Retry is how many failures after the first a server that is up survives,
	// looked at DelayBeforeRetry apart.
	Retry            int
	DelayBeforeRetry time.Duration
	// Alpha says that the server counts as down until it was checked.
	Alpha bool

	// HTTP_GET and SSL_GET.
	URLs []URL
	// Protocol is "1.0" (or empty), "1.0C" or "1.1"; the latter two ask the
	// server to close the connection.
	Protocol string
	// FastRecovery looks at all URLs without delay while the server is not up.
	FastRecovery bool

	// MISC_CHECK.
	Command Command
	// MiscTimeout ends the program; 0: DelayLoop.
	MiscTimeout time.Duration
	// Dynamic makes exit status 2..255 mean up with weight status-2.
	Dynamic bool
}

// Look is c without what says when and how it looks: what was seen with c holds
// with every config of which this is the same, until it has looked itself. With
// keepalived 2.2.7 it does not where ConnectTimeout differs.
func (c Config) Look() Config {
	c.ConnectTimeout, c.DelayLoop, c.Warmup, c.MiscTimeout = 0, 0, 0, 0
	c.Retry, c.DelayBeforeRetry, c.Alpha = 0, 0, false
	c.Protocol, c.FastRecovery = "", false
	c.Command.User, c.Command.Group, c.Command.Timeout = "", "", 0
	return c
}

// URL is one page to get.
type URL struct {
	Path string // begins with a slash
	Host string // Host header; empty: the address and port of Config.Addr
	// Digest is the MD5 of the body as 32 hex digits; empty: not compared. For
	// a chunked body it may also be that of the bytes as they came, chunk
	// sizes included, which is what genhash prints.
	Digest string
	// Status lists accepted status codes; empty: 200-299.
	Status []StatusRange
}

// StatusRange is an inclusive range of HTTP status codes.
type StatusRange struct{ Low, High int }

// Command is a program that checks.
type Command struct {
	Args        []string
	Shell       bool // Args[0] is a text for /bin/sh -c
	User, Group string
	Timeout     time.Duration
}

func (c Config) connectTimeout() time.Duration {
	return positive(c.ConnectTimeout, DefaultConnectTimeout)
}
func (c Config) delayLoop() time.Duration { return positive(c.DelayLoop, DefaultDelayLoop) }

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Result is what one look found.
type Result struct {
	Up bool
	// More is set when the look was good but covered only part of the check
	// (one URL of several) and not all parts were good in a row yet.
	More bool
	// Weight is the weight the server should have; -1: the check does not say.
	Weight  int
	Text    string // why not up; or a remark
	Latency time.Duration
}

func down(format string, args ...any) Result {
	return Result{Weight: -1, Text: fmt.Sprintf(format, args...)}
}

// Check looks at one server. Run is not called concurrently for one Check. It
// returns soon after ctx ends; the result is then not used.
type Check interface {
	Run(ctx context.Context) Result
}

// Exec runs a program to its end and returns its exit status and the end of
// what it printed. The error says why there is no exit status: not started,
// timed out, ended by a signal.
type Exec func(ctx context.Context, c Command) (status int, output string, err error)

// Deps is what checks need from outside.
type Deps struct {
	Exec Exec // required for MISC_CHECK
}

// New makes the check a Config describes. Errors name what is wrong with it.
func New(c Config, d Deps) (Check, error) {
	switch c.Kind {
	case TCP:
		return newTCP(c)
	case HTTP:
		return newHTTP(c)
	case Misc:
		return newMisc(c, d.Exec)
	case SSL:
		return nil, fmt.Errorf("healthcheck: %s is not supported yet", c.Kind)
	}
	return nil, fmt.Errorf("healthcheck: unknown kind of check %q", c.Kind)
}
