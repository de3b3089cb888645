package encode

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"holdfast/internal/config"
)

func (e *encoder) ssl(s *config.SSL) {
	e.block(false, func() {
		e.text("ca", s.CA, "")
		e.text("certificate", s.Certificate, "")
		e.text("key", s.Key, "")
		e.text("password", s.Password, "")
	}, "SSL")
}

func (e *encoder) checker(s *config.VirtualServer, r *config.RealServer, c *config.Checker) {
	e.block(true, func() {
		if c.Kind != config.FileCheck {
			e.boolean("alpha", c.Alpha, s.Alpha)
		}
		if !c.Kind.Follows() {
			e.timers(s, c)
		}
		if c.Kind.Connects() {
			e.connection(r, c)
		}
		switch c.Kind {
		case config.HTTPGet, config.SSLGet:
			e.pages(r, c)
		case config.MiscCheck:
			e.put("misc_path", line(c.MiscPath))
			if c.MiscPath.User != "" {
				e.put(append([]string{"user"}, user(c.MiscPath)...)...)
			}
			e.time("misc_timeout", c.MiscTimeout, 0)
			e.flag("misc_dynamic", c.MiscDynamic)
		case config.SMTPCheck:
			e.text("helo_name", c.HeloName, config.DefaultHeloName)
		case config.DNSCheck:
			e.text("type", c.DNSType, config.DefaultDNSType)
			e.text("name", c.DNSName, config.DefaultDNSName)
		case config.UDPCheck:
			e.datagram(c)
		case config.FileCheck:
			e.put("track_file", c.TrackFile)
			words := []string{"weight", strconv.Itoa(c.Weight)}
			if c.Reverse {
				words = append(words, "reverse")
			}
			e.put(words...)
		case config.BFDCheck:
			e.put("name", c.BFD)
		}
	}, string(c.Kind))
}

// timers are those of a check that is made again and again.
func (e *encoder) timers(s *config.VirtualServer, c *config.Checker) {
	retry, between := c.Kind.Retries(c.DelayLoop)
	e.time("delay_loop", c.DelayLoop, s.DelayLoop)
	e.time("warmup", c.Warmup, c.DelayLoop)
	if c.Kind.Connects() {
		e.time("connect_timeout", c.ConnectTimeout, config.DefaultConnectTimeout)
	}
	e.number("retry", c.Retry, retry)
	e.time("delay_before_retry", c.DelayBeforeRetry, between)
	e.boolean("log_all_failures", c.LogAllFailures, false)
}

func (e *encoder) connection(r *config.RealServer, c *config.Checker) {
	e.addr("connect_ip", c.ConnectIP, r.Addr)
	e.number("connect_port", int(c.ConnectPort), int(r.Port))
	e.addr("bindto", c.BindTo, netip.Addr{})
	e.number("bind_port", int(c.BindPort), 0)
	e.text("bind_if", c.BindIf, "")
	e.number("fwmark", int(c.FWMark), 0)
}

func (e *encoder) pages(r *config.RealServer, c *config.Checker) {
	e.text("http_protocol", c.HTTPProtocol, config.DefaultHTTPProtocol)
	e.boolean("fast_recovery", c.FastRecovery, false)
	e.text("sni_name", c.SNIName, "")
	e.boolean("enable_sni", c.EnableSNI, c.SNIName != "")
	e.boolean("tls_compliant", c.TLSCompliant, false)
	e.boolean("verify", c.VerifyTLS, e.toml && c.Kind == config.SSLGet)
	for i := range c.URLs {
		e.url(r, c, &c.URLs[i])
	}
}

func (e *encoder) url(r *config.RealServer, c *config.Checker, u *config.URL) {
	e.block(true, func() {
		e.put("path", u.Path)
		e.text("digest", u.Digest, "")
		if len(u.StatusCodes) != 1 || u.StatusCodes[0] != (config.StatusRange{Low: 200, High: 299}) {
			words := []string{"status_code"}
			for _, c := range u.StatusCodes {
				w := strconv.Itoa(c.Low)
				if c.High != c.Low {
					w += "-" + strconv.Itoa(c.High)
				}
				words = append(words, w)
			}
			e.put(words...)
		}
		e.text("virtualhost", u.VirtualHost, r.Extra().VirtualHost)
		e.regex(&u.Regex)
		e.boolean("tls_compliant", u.TLSCompliant, c.TLSCompliant)
	}, "url")
}

func (e *encoder) regex(x *config.Regex) {
	e.text("regex", x.Pattern, "")
	e.flag("regex_no_match", x.NoMatch)
	if len(x.Options) > 0 {
		e.put(append([]string{"regex_options"}, x.Options...)...)
	}
	if x.Max > 0 {
		e.put("regex_stack", strconv.Itoa(x.Start), strconv.Itoa(x.Max))
	}
	e.number("regex_min_offset", x.MinOffset, 0)
	e.number("regex_max_offset", x.MaxOffset, 0)
}

func (e *encoder) datagram(c *config.Checker) {
	if len(c.Payload) > 0 {
		e.put("payload", hex.EncodeToString(c.Payload))
	}
	if c.RequireReply {
		words := []string{"require_reply"}
		if len(c.Reply) > 0 {
			words = append(words, pattern(c.Reply, c.ReplyMask))
		}
		e.put(words...)
	}
	e.number("min_reply_length", c.MinReplyLength, 0)
	e.number("max_reply_length", c.MaxReplyLength, config.DefaultMaxReply)
}

// pattern writes bytes in hexadecimal, with an X for each digit that mask
// leaves open.
func pattern(data, mask []byte) string {
	digits := strings.Split(hex.EncodeToString(data), "")
	for i, m := range mask {
		if m&0xf0 == 0 {
			digits[2*i] = "X"
		}
		if m&0x0f == 0 {
			digits[2*i+1] = "X"
		}
	}
	return strings.Join(digits, "")
}
