package role

import (
	"holdfast/internal/wire"
	"holdfast/vrrp/link"
)

func bootFields(f *wire.Fields, v *Boot) {
	wire.Struct(f, 1, &v.Options, optionsFields)
	wire.Structs(f, 2, &v.Resume, resumeFields)
	wire.Struct(f, 3, &v.Leftovers, linkWantedFields)
	wire.Struct(f, 4, &v.Devices, linkDeviceRecordFields)
	wire.Bytes(f, 5, &v.Owned)
	wire.Bytes(f, 6, &v.Settings)
	wire.Int(f, 7, &v.Umask)
	wire.Bool(f, 8, &v.UmaskSet)
	wire.String(f, 9, &v.Folder)
	wire.Bool(f, 10, &v.Other)
	wire.Bool(f, 11, &v.Restarted)
	wire.Bytes(f, 12, &v.GivenBack)
}

func optionsFields(f *wire.Fields, v *Options) {
	wire.Bool(f, 1, &v.Console)
	wire.Int(f, 2, &v.Facility)
	wire.Bool(f, 3, &v.NoSyslog)
	wire.Int(f, 4, &v.Detail)
	wire.Bool(f, 5, &v.JSON)
	wire.Bool(f, 6, &v.DontReleaseVRRP)
	wire.Bool(f, 7, &v.DontReleaseIPVS)
	wire.Bool(f, 8, &v.DontRespawn)
	wire.Bool(f, 9, &v.KeepalivedNaming)
}

func resumeFields(f *wire.Fields, v *Resume) {
	wire.String(f, 1, &v.Router)
	wire.Int(f, 3, &v.SentAt)
}

func linkWantedFields(f *wire.Fields, v *link.Wanted) {
	wire.Structs(f, 1, &v.Addresses, linkAddressFields)
	wire.Structs(f, 2, &v.Objects, linkObjectFields)
}

func linkAddressFields(f *wire.Fields, v *link.Address) {
	wire.Int(f, 1, &v.Ifindex)
	wire.Prefix(f, 2, &v.Prefix)
	wire.String(f, 3, &v.Label)
	wire.Uint(f, 4, &v.Scope)
	wire.Addr(f, 5, &v.Broadcast)
	wire.Addr(f, 6, &v.Peer)
	wire.Uint(f, 7, &v.Flags)
	wire.Bool(f, 8, &v.DAD)
	wire.Uint(f, 9, &v.Preferred)
	wire.Bool(f, 10, &v.PreferredSet)
	wire.String(f, 11, &v.Drop)
}

func linkObjectFields(f *wire.Fields, v *link.Object) {
	wire.Uint(f, 1, &v.Kind)
	wire.Uint(f, 2, &v.Flags)
	wire.String(f, 3, &v.Body)
	wire.String(f, 4, &v.Text)
	wire.Bool(f, 5, &v.NoTrack)
}

func linkDeviceRecordFields(f *wire.Fields, v *link.DeviceRecord) {
	wire.Structs(f, 1, &v.Devices, linkMadeDeviceFields)
	wire.Structs(f, 2, &v.Settings, linkSettingFields)
}

func linkMadeDeviceFields(f *wire.Fields, v *link.MadeDevice) {
	wire.Int(f, 1, &v.Ifindex)
	wire.String(f, 2, &v.Name)
	wire.String(f, 3, &v.MAC)
}

func linkSettingFields(f *wire.Fields, v *link.Setting) {
	wire.String(f, 1, &v.Path)
	wire.Int(f, 2, &v.Ifindex)
	wire.String(f, 3, &v.Old)
	wire.String(f, 4, &v.New)
}
