package config

import (
	"net/netip"
	"time"
)

// SSL holds the block SSL: what the TLS checks present and trust.
type SSL struct {
	CA          string // ca: file of certificates that are trusted
	Certificate string // certificate: file of the client's certificate
	Key         string // key: file of its key
	Password    string // password: opens the key
}

// CheckKind names a checker keyword.
type CheckKind string

// The checkers.
const (
	TCPCheck  CheckKind = "TCP_CHECK"
	HTTPGet   CheckKind = "HTTP_GET"
	SSLGet    CheckKind = "SSL_GET"
	MiscCheck CheckKind = "MISC_CHECK"
	SMTPCheck CheckKind = "SMTP_CHECK"
	DNSCheck  CheckKind = "DNS_CHECK"
	UDPCheck  CheckKind = "UDP_CHECK"
	PingCheck CheckKind = "PING_CHECK"
	FileCheck CheckKind = "FILE_CHECK"
	BFDCheck  CheckKind = "BFD_CHECK"
)

// Active reports whether checks of this kind are run. The others are in the
// configuration and are reported; they neither fail a server nor hold it back.
func (k CheckKind) Active() bool {
	return k == TCPCheck || k == HTTPGet || k == MiscCheck
}

// Checked reports whether a check is run on the server.
func (r *RealServer) Checked() bool {
	for i := range r.Checkers() {
		if r.Checkers()[i].Kind.Active() {
			return true
		}
	}
	return false
}

// Connects reports whether the check has an address to connect to.
func (k CheckKind) Connects() bool { return k != MiscCheck && !k.Follows() }

// Fetches reports whether the check asks for pages.
func (k CheckKind) Fetches() bool { return k == HTTPGet || k == SSLGet }

// Follows reports whether the check follows something that is watched anyway,
// and so has no timers of its own.
func (k CheckKind) Follows() bool { return k == FileCheck || k == BFDCheck }

// Retries returns keepalived's defaults of retry and delay_before_retry for
// checks of this kind that are made every delayLoop.
func (k CheckKind) Retries(delayLoop time.Duration) (retry int, between time.Duration) {
	switch k {
	case HTTPGet, SSLGet:
		return 1, 3 * time.Second
	case MiscCheck:
		return 0, time.Second
	case DNSCheck:
		return 3, delayLoop
	}
	return 1, time.Second
}

// Defaults of checkers.
const (
	DefaultDelayLoop      = 60 * time.Second
	DefaultConnectTimeout = 5 * time.Second
	DefaultHTTPProtocol   = "1.0"
	DefaultHeloName       = "smtpchecker.keepalived.org"
	DefaultDNSType        = "SOA"
	DefaultDNSName        = "."
	DefaultMaxReply       = 255 // bytes: max_reply_length
)

// Checker holds one checker block with its inherited defaults resolved.
type Checker struct {
	Kind             CheckKind
	ConnectIP        netip.Addr
	ConnectPort      uint16
	BindTo           netip.Addr
	BindPort         uint16
	BindIf           string // bind_if
	FWMark           uint32
	ConnectTimeout   time.Duration
	DelayLoop        time.Duration
	Warmup           time.Duration
	Retry            int
	DelayBeforeRetry time.Duration
	Alpha            bool
	LogAllFailures   bool // log_all_failures

	// HTTP_GET and SSL_GET
	URLs         []URL
	HTTPProtocol string // "1.0", "1.0C", "1.1"
	FastRecovery bool
	EnableSNI    bool
	SNIName      string // sni_name; empty: the host of the url
	TLSCompliant bool   // tls_compliant
	VerifyTLS    bool   // TOML default true, keepalived.conf false

	// MISC_CHECK
	MiscPath    Command
	MiscTimeout time.Duration // 0: DelayLoop
	MiscDynamic bool

	// SMTP_CHECK
	HeloName string // helo_name

	// DNS_CHECK
	DNSType string // type, in capitals
	DNSName string // name

	// UDP_CHECK
	Payload        []byte // payload; empty: random bytes
	RequireReply   bool   // require_reply
	Reply          []byte // the reply that is wanted; empty: any
	ReplyMask      []byte // the bits of Reply that count; empty: all
	MinReplyLength int    // min_reply_length, 0..65535
	MaxReplyLength int    // max_reply_length, 0..65535

	// FILE_CHECK
	TrackFile string // track_file
	Weight    int    // its number times this is added to the server's weight
	Reverse   bool

	// BFD_CHECK
	BFD string // name
}

// URL is one url block of HTTP_GET.
type URL struct {
	Path         string
	Digest       string // 32 hex digits of MD5; empty: not compared
	StatusCodes  []StatusRange
	VirtualHost  string // resolved: url > checker > real server > virtual server; empty: ip:port
	Regex        Regex
	TLSCompliant bool // tls_compliant; default: the checker's
}

// Regex is what the body of a page is compared with. The zero value is none.
type Regex struct {
	Pattern   string   // regex; empty: none
	NoMatch   bool     // regex_no_match: success is that it does not match
	Options   []string // regex_options, in the order of keepalived's list
	Start     int      // regex_stack: bytes at first; 0: PCRE2's default
	Max       int      // regex_stack: bytes at most; 0: PCRE2's default
	MinOffset int      // regex_min_offset: bytes left out at the start
	MaxOffset int      // regex_max_offset: the match starts before; 0: anywhere
}

// StatusRange is an inclusive range of HTTP status codes.
type StatusRange struct{ Low, High int }
