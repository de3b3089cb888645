package role

import (
	"holdfast/internal/config"
	"holdfast/internal/wire"
)

func syncGroupFields(f *wire.Fields, v *config.SyncGroup) {
	wire.String(f, 1, &v.Name)
	wire.Strings(f, 2, &v.Members)
	wire.Structs(f, 3, &v.TrackScripts, trackFields)
	wire.Structs(f, 4, &v.TrackInterfaces, trackFields)
	wire.Structs(f, 5, &v.TrackFiles, trackFields)
	wire.Structs(f, 6, &v.TrackProcesses, trackFields)
	wire.Structs(f, 7, &v.TrackBFDs, trackFields)
	wire.Bool(f, 8, &v.TrackingWeight)
	wire.Struct(f, 9, &v.Notify, notifySetFields)
	wire.Bool(f, 10, &v.SMTPAlert)
}

func trackFields(f *wire.Fields, v *config.Track) {
	wire.String(f, 1, &v.Name)
	wire.Int(f, 2, &v.Weight)
	wire.Bool(f, 3, &v.Reverse)
}

func notifySetFields(f *wire.Fields, v *config.NotifySet) {
	wire.Struct(f, 1, &v.Master, commandFields)
	wire.Struct(f, 2, &v.Backup, commandFields)
	wire.Struct(f, 3, &v.Fault, commandFields)
	wire.Struct(f, 4, &v.Stop, commandFields)
	wire.Struct(f, 5, &v.Deleted, commandFields)
	wire.Struct(f, 6, &v.MasterRxLower, commandFields)
	wire.Struct(f, 7, &v.Any, commandFields)
	wire.Bool(f, 8, &v.NotifyDeleted)
}

func trackGroupFields(f *wire.Fields, v *config.TrackGroup) {
	wire.String(f, 1, &v.Name)
	wire.Strings(f, 2, &v.Members)
}

func vrrpInstanceFields(f *wire.Fields, v *config.VRRPInstance) {
	wire.String(f, 1, &v.Name)
	wire.Bool(f, 2, &v.StateMaster)
	wire.String(f, 3, &v.Interface)
	wire.String(f, 4, &v.VRF)
	wire.Uint(f, 5, &v.VirtualRouterID)
	wire.Uint(f, 6, &v.Priority)
	wire.Uint(f, 7, &v.Version)
	wire.Uint(f, 8, &v.Family)
	wire.Int(f, 9, &v.AdvertInt)
	wire.Bool(f, 10, &v.NoPreempt)
	wire.Int(f, 11, &v.PreemptDelay)
	wire.Bool(f, 12, &v.StickyMaster)
	wire.Int(f, 13, &v.StickyHoldOff)
	wire.Structs(f, 14, &v.VirtualIPAddress, vipFields)
	wire.Structs(f, 15, &v.VirtualIPAddressExcluded, vipFields)
	wire.Structs(f, 16, &v.VirtualRoutes, routeFields)
	wire.Structs(f, 17, &v.VirtualRules, routeRuleFields)
	wire.Bool(f, 18, &v.PromoteSecondaries)
	wire.Uint(f, 19, &v.AuthType)
	wire.Bytes(f, 20, &v.AuthPass)
	wire.Struct(f, 21, &v.AuthHMAC, authHMACFields)
	wire.Uint(f, 22, &v.Checksum)
	wire.Bool(f, 23, &v.DropAddrMismatch)
	wire.Strings(f, 24, &v.AdvertPaths)
	wire.Uint(f, 25, &v.UnicastTTL)
	wire.Addr(f, 26, &v.UnicastSrcIP)
	wire.Structs(f, 27, &v.UnicastPeer, unicastPeerFields)
	wire.Bool(f, 28, &v.FaultNoPeer)
	wire.Addr(f, 29, &v.McastSrcIP)
	wire.Addr(f, 30, &v.McastDstIP)
	wire.Bool(f, 31, &v.CheckUnicastSrc)
	wire.Structs(f, 32, &v.TrackInterfaces, trackFields)
	wire.Structs(f, 33, &v.TrackScripts, trackFields)
	wire.Structs(f, 34, &v.TrackFiles, trackFields)
	wire.Structs(f, 35, &v.TrackProcesses, trackFields)
	wire.Structs(f, 36, &v.TrackBFDs, trackFields)
	wire.Bool(f, 37, &v.DontTrackPrimary)
	wire.Bool(f, 38, &v.Accept)
	wire.Bool(f, 39, &v.StrictMode)
	wire.Bool(f, 40, &v.SkipCheckAdvAddr)
	wire.Struct(f, 41, &v.GARP, garpFields)
	wire.Bool(f, 42, &v.LowerPrioNoAdvert)
	wire.Bool(f, 43, &v.HigherPrioSendAdvert)
	wire.Bool(f, 44, &v.OwnerIgnoreAdverts)
	wire.Int(f, 45, &v.DownTimerAdverts)
	wire.Bool(f, 46, &v.NotifyPriorityChanges)
	wire.Bool(f, 47, &v.TrackSrcIP)
	wire.Int(f, 48, &v.KernelRxBufSize)
	wire.Struct(f, 49, &v.VMAC, vmacFields)
	wire.Struct(f, 50, &v.Notify, notifySetFields)
	wire.Bool(f, 51, &v.SMTPAlert)
	wire.Strings(f, 52, &v.Ignored)
}

func vipFields(f *wire.Fields, v *config.VIP) {
	wire.Prefix(f, 1, &v.Prefix)
	wire.String(f, 2, &v.Dev)
	wire.String(f, 3, &v.Label)
	wire.Uint(f, 4, &v.Scope)
	wire.Addr(f, 5, &v.Broadcast)
	wire.Bool(f, 6, &v.NoTrack)
	wire.Bool(f, 7, &v.UseVMAC)
	wire.Addr(f, 8, &v.Peer)
	wire.Uint(f, 9, &v.Flags)
	wire.Bool(f, 10, &v.DAD)
	wire.Uint(f, 11, &v.Preferred)
	wire.Bool(f, 12, &v.PreferredSet)
	wire.String(f, 13, &v.Group)
}

func authHMACFields(f *wire.Fields, v *config.AuthHMAC) {
	wire.Structs(f, 1, &v.Keys, hmacKeyFields)
	wire.Uint(f, 2, &v.ActiveKey)
	wire.Bool(f, 3, &v.Monotonic)
	wire.Int(f, 4, &v.TimeWindow)
	wire.Uint(f, 5, &v.Mode)
}

func hmacKeyFields(f *wire.Fields, v *config.HMACKey) {
	wire.Uint(f, 1, &v.ID)
	wire.Bytes(f, 2, &v.Key)
	wire.String(f, 3, &v.File)
}

func unicastPeerFields(f *wire.Fields, v *config.UnicastPeer) {
	wire.Addr(f, 1, &v.Addr)
	wire.Int(f, 2, &v.MinTTL)
	wire.Int(f, 3, &v.MaxTTL)
}

func vmacFields(f *wire.Fields, v *config.VMAC) {
	wire.Uint(f, 1, &v.Kind)
	wire.String(f, 2, &v.Name)
	wire.Fixed(f, 3, v.MAC[:])
	wire.Prefix(f, 4, &v.Address)
	wire.Uint(f, 5, &v.Mode)
	wire.Uint(f, 6, &v.Group)
	wire.Bool(f, 7, &v.HasGroup)
	wire.Bool(f, 8, &v.XmitBase)
	wire.Bool(f, 9, &v.Addresses)
}

func garpGroupFields(f *wire.Fields, v *config.GARPGroup) {
	wire.Strings(f, 1, &v.Interfaces)
	wire.Int(f, 2, &v.Interval)
	wire.Int(f, 3, &v.GNA)
}

func garpFields(f *wire.Fields, v *config.GARP) {
	wire.Int(f, 1, &v.Repeat)
	wire.Int(f, 2, &v.Delay)
	wire.Int(f, 3, &v.Refresh)
	wire.Int(f, 4, &v.RefreshRepeat)
	wire.Int(f, 5, &v.LowerPrioDelay)
	wire.Int(f, 6, &v.LowerPrioRep)
	wire.Int(f, 7, &v.ExtraIf)
	wire.Bool(f, 8, &v.ExtraIfAll)
}

func vrrpScriptFields(f *wire.Fields, v *config.VRRPScript) {
	wire.String(f, 1, &v.Name)
	wire.Struct(f, 2, &v.Command, commandFields)
	wire.Int(f, 3, &v.Interval)
	wire.Int(f, 4, &v.Timeout)
	wire.Int(f, 5, &v.Weight)
	wire.Bool(f, 6, &v.Reverse)
	wire.Int(f, 7, &v.Rise)
	wire.Int(f, 8, &v.Fall)
	wire.Bool(f, 9, &v.InitFail)
}

func trackFileFields(f *wire.Fields, v *config.TrackFile) {
	wire.String(f, 1, &v.Name)
	wire.String(f, 2, &v.Path)
	wire.Int(f, 3, &v.Weight)
	wire.Bool(f, 4, &v.Reverse)
	wire.Bool(f, 5, &v.InitFile)
	wire.Int(f, 6, &v.InitValue)
	wire.Bool(f, 7, &v.Overwrite)
}

func trackProcessFields(f *wire.Fields, v *config.TrackProcess) {
	wire.String(f, 1, &v.Name)
	wire.String(f, 2, &v.Process)
	wire.Strings(f, 3, &v.Args)
	wire.Uint(f, 4, &v.Match)
	wire.Bool(f, 5, &v.FullCommand)
	wire.Int(f, 6, &v.Weight)
	wire.Bool(f, 7, &v.Reverse)
	wire.Int(f, 8, &v.Quorum)
	wire.Int(f, 9, &v.QuorumMax)
	wire.Int(f, 10, &v.ForkDelay)
	wire.Int(f, 11, &v.TerminateDelay)
}

func bfdInstanceFields(f *wire.Fields, v *config.BFDInstance) {
	wire.String(f, 1, &v.Name)
	wire.Addr(f, 2, &v.Neighbor)
	wire.Addr(f, 3, &v.Source)
	wire.Int(f, 4, &v.MinRX)
	wire.Int(f, 5, &v.MinTX)
	wire.Int(f, 6, &v.IdleTX)
	wire.Uint(f, 7, &v.Multiplier)
	wire.Bool(f, 8, &v.Passive)
	wire.Uint(f, 9, &v.TTL)
	wire.Int(f, 10, &v.MaxHops)
	wire.Bool(f, 11, &v.Multihop)
	wire.Int(f, 12, &v.Weight)
	wire.Bool(f, 13, &v.Reverse)
	wire.Bool(f, 14, &v.VRRP)
	wire.Bool(f, 15, &v.Checker)
}

func linksFields(f *wire.Fields, v *config.Links) {
	wire.Bool(f, 1, &v.PollAll)
	wire.Structs(f, 2, &v.Polls, linkPollFields)
	wire.Structs(f, 3, &v.Delays, linkDelayFields)
}

func linkPollFields(f *wire.Fields, v *config.LinkPoll) {
	wire.String(f, 1, &v.Interface)
	wire.String(f, 2, &v.Kind)
}

func linkDelayFields(f *wire.Fields, v *config.LinkDelay) {
	wire.String(f, 1, &v.Interface)
	wire.Int(f, 2, &v.Down)
	wire.Int(f, 3, &v.Up)
}
