package role

import (
	"holdfast/internal/wire"
	"holdfast/vrrp/route"
)

func routeFields(f *wire.Fields, v *route.Route) {
	wire.Uint(f, 1, &v.Family)
	wire.Uint(f, 2, &v.Type)
	wire.Prefix(f, 3, &v.To)
	wire.Prefix(f, 4, &v.From)
	wire.Uint(f, 5, &v.TOS)
	wire.Uint(f, 6, &v.Table)
	wire.String(f, 7, &v.VRF)
	wire.Uint(f, 8, &v.Protocol)
	wire.Uint(f, 9, &v.Scope)
	wire.Uint(f, 10, &v.Metric)
	wire.Addr(f, 11, &v.Src)
	wire.Struct(f, 12, &v.Next, routeHopFields)
	wire.Structs(f, 13, &v.Hops, routeHopFields)
	wire.Uint(f, 14, &v.Expires)
	wire.Structs(f, 15, &v.Metrics, routeMetricFields)
	wire.String(f, 16, &v.CongCtl)
	wire.Bool(f, 17, &v.LockCC)
	wire.Uint(f, 18, &v.Pref)
	wire.Uint(f, 19, &v.TTLProp)
	wire.Uint(f, 20, &v.Mode)
	wire.Bool(f, 21, &v.NoTrack)
	wire.String(f, 22, &v.Group)
	wire.String(f, 23, &v.Text)
}

func routeHopFields(f *wire.Fields, v *route.Hop) {
	wire.Addr(f, 1, &v.Via)
	wire.String(f, 2, &v.Dev)
	wire.Bool(f, 3, &v.OnLink)
	wire.Int(f, 4, &v.Weight)
	wire.Uint(f, 5, &v.Realms)
	wire.Struct(f, 6, &v.Encap, routeEncapFields)
	wire.Ints(f, 7, &v.NewDst)
}

func routeEncapFields(f *wire.Fields, v *route.Encap) {
	wire.Uint(f, 1, &v.Kind)
	wire.Uint(f, 2, &v.ID)
	wire.Addr(f, 3, &v.Src)
	wire.Addr(f, 4, &v.Dst)
	wire.Uint(f, 5, &v.TOS)
	wire.Uint(f, 6, &v.TTL)
	wire.Uint(f, 7, &v.Flags)
	wire.Ints(f, 8, &v.Labels)
	wire.Uint(f, 9, &v.Locator)
	wire.Bool(f, 10, &v.TTLSet)
}

func routeMetricFields(f *wire.Fields, v *route.Metric) {
	wire.Uint(f, 1, &v.ID)
	wire.Uint(f, 2, &v.Value)
	wire.Bool(f, 3, &v.Lock)
}

func routeRuleFields(f *wire.Fields, v *route.Rule) {
	wire.Uint(f, 1, &v.Family)
	wire.Uint(f, 2, &v.Action)
	wire.Bool(f, 3, &v.Not)
	wire.Prefix(f, 4, &v.From)
	wire.Prefix(f, 5, &v.To)
	wire.Uint(f, 6, &v.TOS)
	wire.Uint(f, 7, &v.Table)
	wire.Uint(f, 8, &v.Priority)
	wire.Uint(f, 9, &v.Mark)
	wire.Uint(f, 10, &v.Mask)
	wire.Bool(f, 11, &v.MarkSet)
	wire.Bool(f, 12, &v.MaskSet)
	wire.String(f, 13, &v.IIf)
	wire.String(f, 14, &v.OIf)
	wire.Uint(f, 15, &v.Realms)
	wire.Uint(f, 16, &v.SuppressPrefix)
	wire.Uint(f, 17, &v.SuppressGroup)
	wire.Uint(f, 18, &v.TunnelID)
	wire.Struct(f, 19, &v.UIDs, routeRangeFields)
	wire.Bool(f, 20, &v.UIDSet)
	wire.Bool(f, 21, &v.L3MDev)
	wire.Uint(f, 22, &v.Protocol)
	wire.Uint(f, 23, &v.IPProto)
	wire.Struct(f, 24, &v.SPort, routeRangeFields)
	wire.Struct(f, 25, &v.DPort, routeRangeFields)
	wire.Uint(f, 26, &v.Goto)
	wire.Bool(f, 27, &v.NoTrack)
	wire.String(f, 28, &v.Group)
	wire.String(f, 29, &v.Text)
}

func routeRangeFields(f *wire.Fields, v *route.Range) {
	wire.Uint(f, 1, &v.Low)
	wire.Uint(f, 2, &v.High)
}
