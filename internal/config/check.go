package config

import (
	"fmt"
	"net/netip"
	"time"
)

// checkDefaults are the values that a virtual server hands down to its real
// servers and these to their checkers; unset where not given.
type checkDefaults struct {
	delayLoop, warmup, connectTimeout, delayBeforeRetry time.Duration
	retry                                               int
	alpha                                               *bool
}

func noDefaults() checkDefaults {
	return checkDefaults{delayLoop: unset, warmup: unset, connectTimeout: unset, delayBeforeRetry: unset, retry: unset}
}

// under returns c with what it leaves open taken from the outer block.
func (c checkDefaults) under(outer checkDefaults) checkDefaults {
	pick := func(a, b time.Duration) time.Duration {
		if a == unset {
			return b
		}
		return a
	}
	c.delayLoop = pick(c.delayLoop, outer.delayLoop)
	c.warmup = pick(c.warmup, outer.warmup)
	c.connectTimeout = pick(c.connectTimeout, outer.connectTimeout)
	c.delayBeforeRetry = pick(c.delayBeforeRetry, outer.delayBeforeRetry)
	if c.retry == unset {
		c.retry = outer.retry
	}
	if c.alpha == nil {
		c.alpha = outer.alpha
	}
	return c
}

// checker is a checker block in the making.
type checker struct {
	Checker
	inheriting
	pos     Pos
	of      *realServer
	hosts   []*checker // blocks host of SMTP_CHECK
	refused bool       // it is left out, and why was said
	weight  bool       // FILE_CHECK: weight was given
	known   bool       // see remember
}

// inheriting is what is kept of a checker block, beside its Checker, until all
// is known that it may inherit.
type inheriting struct {
	check  checkDefaults
	host   string
	logAll *bool   // log_all_failures
	urlTLS []*bool // tls_compliant of each url, nil where not given
}

// openChecker opens a checker block.
func openChecker(kind CheckKind) setter {
	return func(d *decoder, target any, n *Node) {
		r := target.(*realServer)
		c := d.state.checker.take()
		c.Kind, c.pos, c.check, c.of = kind, n.Pos, noDefaults(), r
		switch kind {
		case HTTPGet, SSLGet:
			c.HTTPProtocol = DefaultHTTPProtocol
			c.VerifyTLS = d.toml() && kind == SSLGet
		case SMTPCheck:
			c.HeloName = DefaultHeloName
		case DNSCheck:
			c.DNSType = DefaultDNSType
		case UDPCheck:
			c.MaxReplyLength = DefaultMaxReply
		}
		d.within(c, func() {
			for _, one := range c.each() {
				if d.checkerComplete(one, n) {
					r.SetCheckers(append(r.Checkers(), one.Checker))
					r.checkers = append(r.checkers, one.inheriting)
				}
			}
			d.state.checker.give(c, c.known)
		})
	}
}

// each returns the checkers that a block stands for: those of its host blocks,
// and itself where it says anything about its own connection.
func (c *checker) each() []*checker {
	if len(c.hosts) == 0 {
		return []*checker{c}
	}
	var out []*checker
	if c.ConnectIP.IsValid() || c.ConnectPort != 0 || c.BindTo.IsValid() || c.BindPort != 0 || c.BindIf != "" || c.FWMark != 0 || c.check.connectTimeout != unset {
		out = append(out, c)
	}
	for _, h := range c.hosts {
		one := *c
		one.pos, one.hosts, one.check.connectTimeout = h.pos, nil, h.check.connectTimeout
		one.ConnectIP, one.ConnectPort = h.ConnectIP, h.ConnectPort
		one.BindTo, one.BindPort, one.BindIf, one.FWMark = h.BindTo, h.BindPort, h.BindIf, h.FWMark
		out = append(out, &one)
	}
	return out
}

// openHost opens a block host of SMTP_CHECK: one more server to ask, with a
// connection of its own; all else that it says is the checker's.
func openHost(d *decoder, target any, n *Node) {
	c := target.(*checker)
	h := &checker{pos: n.Pos, inheriting: inheriting{check: noDefaults()}, of: c.of}
	if len(c.hosts) == 0 {
		d.report(n.Pos, Warning, ClassNone, "deprecated", "SMTP_CHECK: host is an old form: write one SMTP_CHECK for each")
	}
	d.within(h, func() {
		c.hosts = append(c.hosts, h)
		shared := h.check
		shared.connectTimeout = unset
		c.check = shared.under(c.check)
		if h.logAll != nil {
			c.logAll = h.logAll
		}
	})
}

// checkerComplete checks what a block says as a whole; false leaves it out.
func (d *decoder) checkerComplete(c *checker, n *Node) bool {
	refuse := func(id, text string) bool {
		d.report(d.closing(n), Warning, ClassGeneral, id, string(c.Kind)+" "+text+": it is ignored")
		return false
	}
	if c.refused {
		return false
	}
	if c.Kind.Connects() {
		at := c.ConnectIP
		if !at.IsValid() {
			at = c.of.Addr
		}
		if at.IsLinkLocalUnicast() && at.Is6() && c.BindIf == "" {
			return refuse("no-bind-if", "connects to the link-local address "+at.String()+" and has no bind_if")
		}
		if c.BindTo.IsValid() && familyOf(c.BindTo) != familyOf(at) { // of SMTP_CHECK, of which keepalived does not say it
			d.silent(n.Pos, "bad-value", fmt.Sprintf("bindto: %v is not of the family of %v, which is connected to, ignored", c.BindTo, at))
			c.BindTo = netip.Addr{}
		}
	}
	switch c.Kind {
	case HTTPGet, SSLGet:
		if len(c.URLs) == 0 && d.toml() {
			c.URLs = []URL{{Path: "/", StatusCodes: successful()}}
		}
		if len(c.URLs) == 0 {
			return refuse("no-url", "has no url")
		}
	case MiscCheck:
		if !c.MiscPath.Set() {
			return refuse("no-script", "has no misc_path")
		}
		return d.usable(&c.MiscPath, n)
	case UDPCheck:
		if c.MinReplyLength > c.MaxReplyLength {
			d.report(d.closing(n), Warning, ClassGeneral, "reply-length", "UDP_CHECK: min_reply_length is above max_reply_length: a reply always fails")
		}
	case DNSCheck:
		if c.DNSName == "" {
			c.DNSName = DefaultDNSName
		}
	case FileCheck:
		f := d.state.files[c.TrackFile]
		if f == nil {
			return refuse("no-file", "has no track_file")
		}
		if !c.weight {
			c.Weight, c.Reverse = f.Weight, f.Reverse
		}
	case BFDCheck:
		if c.BFD == "" {
			return refuse("no-name", "has no name")
		}
	}
	return true
}

// complete resolves what a checker inherits, but for the port; logAll is
// checker_log_all_failures.
func (h *inheriting) complete(c *Checker, r *RealServer, outer checkDefaults, logAll bool) {
	switch {
	case h.logAll != nil:
		c.LogAllFailures = *h.logAll
	case logAll:
		c.LogAllFailures = true
	}
	v := h.check.under(outer)
	c.Alpha = v.alpha != nil && *v.alpha
	if c.Kind.Follows() {
		c.Alpha = c.Alpha && c.Kind == BFDCheck
		return
	}
	c.DelayLoop = orDefault(v.delayLoop, DefaultDelayLoop)
	c.Warmup = orDefault(v.warmup, c.DelayLoop)
	retry, between := c.Kind.Retries(c.DelayLoop)
	c.DelayBeforeRetry = orDefault(v.delayBeforeRetry, between)
	c.Retry = v.retry
	if c.Retry == unset {
		c.Retry = retry
	}
	if !c.Kind.Connects() {
		return
	}
	c.ConnectTimeout = orDefault(v.connectTimeout, DefaultConnectTimeout)
	if !c.ConnectIP.IsValid() {
		c.ConnectIP = r.Addr
	}
	host := h.host
	if host == "" {
		host = r.Extra().VirtualHost
	}
	for k := range c.URLs {
		u := &c.URLs[k]
		if u.VirtualHost == "" {
			u.VirtualHost = host
		}
		u.TLSCompliant = c.TLSCompliant
		if k < len(h.urlTLS) && h.urlTLS[k] != nil {
			u.TLSCompliant = *h.urlTLS[k]
		}
	}
}

func orDefault(v, fallback time.Duration) time.Duration {
	if v == unset {
		return fallback
	}
	return v
}

// openSSL opens the block SSL.
func openSSL(d *decoder, _ any, n *Node) {
	d.report(n.Pos, Warning, ClassNone, NotActiveKept, "SSL is not active yet: no check presents a certificate")
	if d.cfg.SSL != (SSL{}) {
		d.bad(n, 0, ClassGeneral, "already given: this one replaces it")
	}
	s := &SSL{}
	d.within(s, func() { d.cfg.SSL = *s })
}
