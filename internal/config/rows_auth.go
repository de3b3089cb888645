package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// HMACMode is what auth_hmac asks of adverts.
type HMACMode uint8

// The modes of auth_hmac.
const (
	HMACEnforce     HMACMode = iota // sign, and drop what is not signed
	HMACPermissive                  // sign, and accept what is not signed
	HMACReceiveOnly                 // neither sign nor insist
)

// HMACKey is one key of auth_hmac.
type HMACKey struct {
	ID  uint8  // 1..255
	Key []byte // 32..64 bytes; empty where a file was not read
	// File is the file that Key was read from; empty: it was written out.
	File string
}

// AuthHMAC is one auth_hmac block; without keys there is none.
type AuthHMAC struct {
	Keys       []HMACKey
	ActiveKey  uint8
	Monotonic  bool          // anti_replay monotonic
	TimeWindow time.Duration // time_window
	Mode       HMACMode
}

// ChecksumForm is the form in which version 3 is sent.
type ChecksumForm uint8

// The values of v3_checksum.
const (
	ChecksumPseudo     ChecksumForm = iota // with a pseudo-header, keepalived's default
	ChecksumMessage                        // without it over IPv4: RFC 9568, v3_checksum_as_v2
	ChecksumOldUnicast                     // old_unicast_checksum
	ChecksumFollow                         // as the peer sends
)

// authInstance is what the rows of this file keep while an instance is decoded.
type authInstance struct {
	hmacSeen   bool
	hmacPos    Pos
	checksumAs *bool // v3_checksum_as_v2
	checksum   *ChecksumForm
	dropList   *bool
}

// authInstanceRows are the keywords of an instance about the form of adverts
// and the ways they go.
func authInstanceRows() []Keyword {
	return []Keyword{
		blockRow("auth_hmac", rare, block(nil, "", func(_ *decoder, target any, n *Node) {
			i := target.(*instance)
			i.hmacSeen, i.hmacPos = true, n.Pos
		}), "sign adverts with HMAC-SHA256, and take signed ones only; versions 2 and 3").since("2.4.0"),
		row("v3_checksum_as_v2", rare, optBool(func(i *instance, v bool) { i.checksumAs = &v }), "the global value", "version 3 over IPv4: send the checksum without pseudo-header, as RFC 9568 has it; both forms are accepted always").since("2.2.8"),
		row("old_unicast_checksum", "obsolete", custom("[never]", []Arg{{Name: "when", Optional: true}}, func(d *decoder, i *instance, n *Node) {
			switch a := n.Arg(0); a {
			case "":
				i.checksum = ptr(ChecksumOldUnicast)
				d.needsPeers(i, n)
			case "never":
			default:
				d.bad(n, 0, ClassGeneral, "'%s' is not never, ignored", clip(a))
			}
		}), "off", "version 3 by unicast: send the checksum as keepalived before 1.3.6; it is accepted always"),
		row("v3_checksum", own, custom("pseudo-header|message|old-unicast|follow", []Arg{{Name: "form"}}, checksumForm), "pseudo-header", "form of the checksum that version 3 is sent with; message: as v3_checksum_as_v2; follow: as the last advert accepted").words(),
		row("unicast_ttl", rare, integer("ttl", 0, 255, func(i *instance, v int) { i.UnicastTTL, i.ttlGiven = uint8(v), true }), "255", "TTL or hop limit of unicast adverts; 0: 255"),
		linesRow("advert_paths", own, lineBlock("<interface>", func(d *decoder, i *instance, n *Node) {
			for _, w := range n.Words {
				if len(w.Text) > maxIfName {
					d.report(w.Pos, Warning, ClassGeneral, "bad-value", "advert_paths: '"+clip(w.Text)+"' is longer than an interface's name can be, ignored")
					continue
				}
				i.AdvertPaths = append(i.AdvertPaths, w.Text)
				d.interfaceExists(w.Text, w.Pos, "advert path")
			}
		}), []Arg{{Name: "interface", Rest: true}}, "further interfaces that adverts are sent and heard on: the loss of one way makes no second master"),
		row("drop_adv_addr_mismatch", own, optBool(func(i *instance, v bool) { i.dropList = &v }), "the global value", "drop adverts whose address list differs from ours, as keepalived before 2.3.3: a list that is rolled out then makes a second master"),
	}
}

// authGlobalRows are the defaults of such keywords.
func authGlobalRows() []Keyword {
	return []Keyword{
		row("v3_checksum_as_v2", rare, value{args: []Arg{{Name: "value", Kind: KindBool, Optional: true}}, syntax: "[true|false]", set: func(d *decoder, target any, n *Node) {
			if v, ok := parseBool(n.Arg(0)); ok && !v && d.toml() {
				return
			}
			target.(*globals).checksumAs = true // keepalived looks at no argument
		}}, "off", "version 3 over IPv4: send checksums without pseudo-header").since("2.2.8"),
		row("vrrp_drop_adv_addr_mismatch", own, optBool(func(g *globals, v bool) { g.dropList = v }), "off", "default of drop_adv_addr_mismatch"),
	}
}

// hmacRows are the rows of auth_hmac.
func hmacRows() []Keyword {
	return []Keyword{
		row("key", rare, custom("<1..255> hex:<bytes>|file:<path>|<text>", []Arg{{Name: "id", Kind: KindInt, Range: Range{1, 255}}, {Name: "key"}}, hmacKey), "required", "key of 32 to 64 bytes with its number; a file holds it in one of the other forms").repeat(),
		row("active_key", rare, integer("id", 1, 255, func(i *instance, v int) { i.AuthHMAC.ActiveKey = uint8(v) }), "the only key", "key to sign with"),
		row("anti_replay", rare, custom("time|monotonic", []Arg{{Name: "rule"}}, func(d *decoder, i *instance, n *Node) {
			i.AuthHMAC.Monotonic = choice(d, n, "time", "monotonic") == 1
		}), "time", "time: adverts must be of about our time, and newer than the sender's last; monotonic: newer than that only").words(),
		row("time_window", rare, seconds("seconds", 1, 300, func(i *instance, v time.Duration) { i.AuthHMAC.TimeWindow = v }), "3 × advert_int, at least 5", "difference of clocks that anti_replay time allows"),
		row("mode", rare, custom("enforce|permissive|receive-only", []Arg{{Name: "mode"}}, func(d *decoder, i *instance, n *Node) {
			i.AuthHMAC.Mode = HMACMode(choice(d, n, "enforce", "permissive", "receive-only"))
		}), "enforce", "permissive: sign, but accept what is not signed; receive-only: do not sign either. Signed adverts are verified in all of them").words(),
	}
}

// choice reads one of a few words, and gives the first for any other.
func choice(d *decoder, n *Node, words ...string) int {
	s, ok := arg1(d, n)
	if !ok {
		return 0
	}
	if k := slices.Index(words, s); k >= 0 {
		return k
	}
	d.bad(n, 0, ClassGeneral, "'%s' is not one of %s: %s is used", clip(s), strings.Join(words, ", "), words[0])
	return 0
}

func checksumForm(d *decoder, i *instance, n *Node) {
	i.checksum = ptr(ChecksumForm(choice(d, n, "pseudo-header", "message", "old-unicast", "follow")))
}

func hmacKey(d *decoder, i *instance, n *Node) {
	if len(n.Words) < 3 {
		d.missing(n, len(n.Words)-1)
		return
	}
	id, err := parseInt(n.Arg(0), 1, 255)
	if err != nil {
		d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
		return
	}
	key, file, err := d.key(n.Arg(1))
	switch {
	case err != nil:
		d.bad(n, 1, ClassGeneral, "key %d: %v: it is ignored", id, err)
	case slices.ContainsFunc(i.AuthHMAC.Keys, func(k HMACKey) bool { return k.ID == uint8(id) }):
		d.bad(n, 0, ClassGeneral, "key %d is given twice: the first one counts", id)
	default:
		i.AuthHMAC.Keys = append(i.AuthHMAC.Keys, HMACKey{ID: uint8(id), Key: key, File: file})
	}
}

// key reads a key in any of its forms. Errors do not show it.
func (d *decoder) key(s string) (key []byte, file string, err error) {
	file, ok := strings.CutPrefix(s, "file:")
	if !ok {
		key, err = keyBytes(s)
		return key, "", err
	}
	if d.opts.KeyFile == nil {
		return nil, file, nil
	}
	b, err := d.opts.KeyFile(file)
	if err != nil {
		return nil, file, err
	}
	key, err = keyBytes(strings.TrimRight(string(b), "\r\n"))
	return key, file, err
}

// keyBytes reads a key that is written out.
func keyBytes(s string) ([]byte, error) {
	if h, ok := strings.CutPrefix(s, "hex:"); ok {
		b, err := hex.DecodeString(h)
		if err != nil {
			return nil, errors.New("not hexadecimal")
		}
		return keyLength(b)
	}
	return keyLength([]byte(s))
}

func keyLength(b []byte) ([]byte, error) {
	if len(b) < 32 || len(b) > 64 {
		return nil, fmt.Errorf("%d bytes long, not 32 to 64", len(b))
	}
	return b, nil
}

// finishAuth completes auth_hmac, checksums and paths once version, interval and
// the rest are known.
func (d *decoder) finishAuth(i *instance) {
	g := &d.state.global
	d.finishHMAC(i)
	i.Checksum = ChecksumPseudo
	switch {
	case i.checksum != nil:
		i.Checksum = *i.checksum
	case i.checksumAs != nil && *i.checksumAs, i.checksumAs == nil && g.checksumAs:
		i.Checksum = ChecksumMessage
	}
	i.DropAddrMismatch = g.dropList
	if i.dropList != nil {
		i.DropAddrMismatch = *i.dropList
	}
	if len(i.AdvertPaths) == 0 {
		return
	}
	if len(i.UnicastPeer) > 0 {
		d.about(i, Warning, ClassGeneral, "advert-paths", "advert_paths does not go with unicast, whose way the routes decide: it is ignored")
		i.ignore("advert_paths", "unicast_peer")
		i.AdvertPaths = nil
		return
	}
	seen := map[string]bool{i.Interface: true}
	i.AdvertPaths = without(i.AdvertPaths, func(p string) bool {
		again := seen[p]
		seen[p] = true
		if again {
			d.about(i, Warning, ClassGeneral, "advert-paths", "advert_paths: %s is a path already: ignored", p)
		}
		return again
	})
}

func (d *decoder) finishHMAC(i *instance) {
	h := &i.AuthHMAC
	if !i.hmacSeen {
		return
	}
	refuse := func(format string, args ...any) {
		d.report(i.hmacPos, Error, ClassGeneral, "auth-hmac", "vrrp_instance "+i.Name+": auth_hmac: "+fmt.Sprintf(format, args...))
	}
	if i.StrictMode {
		d.about(i, Warning, ClassGeneral, "authentication", "strict mode has no authentication: auth_hmac is ignored")
		*h = AuthHMAC{}
		return
	}
	if h.TimeWindow == 0 {
		h.TimeWindow = max(3*i.AdvertInt, 5*time.Second)
	}
	has := func(id uint8) bool {
		return slices.ContainsFunc(h.Keys, func(k HMACKey) bool { return k.ID == id })
	}
	switch {
	case len(h.Keys) == 0:
		refuse("no usable key: every advert would go unsigned")
	case h.ActiveKey == 0 && len(h.Keys) == 1:
		h.ActiveKey = h.Keys[0].ID
	case h.ActiveKey == 0:
		refuse("active_key is missing: there are %d keys", len(h.Keys))
	case !has(h.ActiveKey):
		refuse("active_key %d: there is no such key", h.ActiveKey)
	}
	if i.AuthType != AuthNone {
		d.about(i, Warning, ClassGeneral, "authentication", "authentication does not go with auth_hmac: it is ignored")
		i.ignore("authentication", "auth_hmac")
		i.AuthType, i.AuthPass = AuthNone, nil
	}
}
