package diff

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"holdfast/internal/config"
	"holdfast/vrrp/route"
)

// keywords are the names of fields that do not follow from the field's name; a
// list, which no start has to make.
var keywords = [...]struct{ field, keyword string }{
	{"StateMaster", "state"},
	{"NoPreempt", "nopreempt"},
	{"MasterRxLower", "notify_master_rx_lower_pri"},
	{"UpperThreshold", "uthreshold"},
	{"LowerThreshold", "lthreshold"},
	{"Forward", "lb_kind"},
	{"OnePacket", "ops"},
	{"VirtualHost", "virtualhost"},
	{"SchedFlags", "scheduler flags"},
	{"LowerPrioRep", "lower_prio_repeat"},
	{"TrackScripts", "track_script"},
	{"TrackInterfaces", "track_interface"},
	{"TrackingWeight", "sync_group_tracking_weight"},
	{"Members", "group"},
	{"Name", "name"},
	{"URLs", "url"},
	{"StatusCodes", "status_code"},
	{"BindTo", "bindto"},
	{"VerifyTLS", "verify"},
	{"Any", "notify"},
	{"HeloName", "helo_name"},
	{"DNSType", "type"},
	{"DNSName", "name"},
	{"BFD", "name"},
	{"SNMPName", "snmp_name"},
	{"Pattern", "regex"},
	{"DrainLimit", "drain"},
	{"RFCv2", "rfcv2"},
	{"RFCv3", "rfcv3"},
	{"ChildWait", "child_wait_time"},
	{"IPVSNamespace", "net_namespace_ipvs"},
}

// secret fields are not shown.
var secret = []string{"AuthPass", "Key", "Keys", "Password", "Secret"}

// hidden fields are no keywords: they follow from others.
var hidden = []string{"Ignored", "Files"}

// fields compares two structs of one type, field by field; inner structs as
// well, their keywords with the outer one in front.
func fields(a, b any, skip ...string) []Field {
	var out []Field
	compare(&out, "", reflect.ValueOf(a), reflect.ValueOf(b), skip)
	return out
}

func compare(out *[]Field, prefix string, a, b reflect.Value, skip []string) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() || slices.Contains(skip, f.Name) || slices.Contains(hidden, f.Name) {
			continue
		}
		x, y := a.Field(i), b.Field(i)
		if reflect.DeepEqual(x.Interface(), y.Interface()) {
			continue
		}
		key := prefix + keyword(f.Name)
		switch {
		case slices.Contains(secret, f.Name):
			*out = append(*out, Field{key, "(not shown)", "(another)"})
		case f.Anonymous:
			compare(out, prefix, x, y, nil)
		case f.Type == reflect.TypeFor[*config.ServerExtras](): // keywords like all others, which most servers have not
			compare(out, prefix, orZero(x), orZero(y), nil)
		case f.Type == reflect.TypeFor[*config.QuorumScripts]():
			compare(out, prefix+"quorum_", orZero(x), orZero(y), nil)
		case f.Type == reflect.TypeFor[*config.ServerScripts]():
			compare(out, prefix+"notify_", orZero(x), orZero(y), nil)
		case f.Type.Kind() == reflect.Struct && !plain(x.Interface()):
			compare(out, key+".", x, y, nil)
		default:
			*out = append(*out, Field{key, show(x), show(y)})
		}
	}
}

// orZero is what a pointer points to, or zero.
func orZero(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return reflect.Zero(v.Type().Elem())
	}
	return v.Elem()
}

// plain reports whether a struct is one value to the reader.
func plain(v any) bool {
	switch v.(type) {
	case netip.Addr, netip.Prefix, config.Command, config.Forward, config.VMAC:
		return true
	}
	return false
}

// keyword turns the name of a field into a keyword: AdvertInt is advert_int.
func keyword(name string) string {
	for i := range keywords {
		if keywords[i].field == name {
			return keywords[i].keyword
		}
	}
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// show writes a value for a reader.
func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case netip.Addr:
		if !x.IsValid() {
			return ""
		}
		return x.String()
	case netip.Prefix:
		if !x.IsValid() {
			return ""
		}
		return x.String()
	case config.Command:
		return strings.Join(x.Args, " ")
	case config.Forward:
		return strings.Join(x.Words(), " ")
	case config.GroupEntry:
		return x.String()
	case route.Route:
		return x.Text
	case route.Rule:
		return x.Text
	case []byte:
		return fmt.Sprintf("%d bytes", len(x))
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return show(v.Elem())
	case reflect.Slice:
		parts := make([]string, 0, v.Len())
		for i := range v.Len() {
			parts = append(parts, show(v.Index(i)))
		}
		return strings.Join(parts, ", ")
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || v.Field(i).IsZero() || slices.Contains(secret, f.Name) {
				continue
			}
			s := show(v.Field(i))
			if f.Name != "Name" && f.Name != "Addr" {
				s = keyword(f.Name) + " " + s
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v.Interface())
}
