package role

import (
	"holdfast/internal/config"
	"holdfast/internal/wire"
)

func virtualServerGroupFields(f *wire.Fields, v *config.VirtualServerGroup) {
	wire.String(f, 1, &v.Name)
	wire.Structs(f, 2, &v.Entries, groupEntryFields)
}

func groupEntryFields(f *wire.Fields, v *config.GroupEntry) {
	wire.Addr(f, 1, &v.First)
	wire.Addr(f, 2, &v.Last)
	wire.Uint(f, 3, &v.Port)
	wire.Uint(f, 4, &v.FWMark)
	wire.Uint(f, 5, &v.Family)
}

func virtualServerFields(f *wire.Fields, v *config.VirtualServer) {
	wire.Addr(f, 1, &v.Addr)
	wire.Uint(f, 2, &v.Port)
	wire.Uint(f, 3, &v.FWMark)
	wire.String(f, 4, &v.Group)
	wire.Int(f, 5, &v.Ordinal)
	wire.Uint(f, 6, &v.Family)
	wire.Uint(f, 7, &v.Protocol)
	wire.String(f, 8, &v.LBAlgo)
	wire.Uint(f, 9, &v.SchedFlags)
	wire.Bool(f, 10, &v.OnePacket)
	wire.Struct(f, 11, &v.Forward, forwardFields)
	wire.Int(f, 12, &v.PersistenceTimeout)
	wire.Int(f, 13, &v.PersistenceGranularity)
	wire.String(f, 14, &v.PersistenceEngine)
	wire.Int(f, 15, &v.DelayLoop)
	wire.Pointer(f, 16, &v.SorryServer, sorryServerFields)
	wire.String(f, 17, &v.VirtualHost)
	wire.Bool(f, 18, &v.Alpha)
	wire.Bool(f, 19, &v.Omega)
	wire.Bool(f, 20, &v.HASuspend)
	wire.Int(f, 21, &v.Quorum)
	wire.Int(f, 22, &v.Hysteresis)
	wire.Bool(f, 25, &v.SMTPAlert)
	wire.String(f, 26, &v.SNMPName)
	wire.Structs(f, 27, &v.RealServers, realServerFields)
	wire.Pointer(f, 28, &v.Scripts, quorumScriptsFields)
}

func quorumScriptsFields(f *wire.Fields, v *config.QuorumScripts) {
	wire.Struct(f, 1, &v.Up, commandFields)
	wire.Struct(f, 2, &v.Down, commandFields)
}

func forwardFields(f *wire.Fields, v *config.Forward) {
	wire.Uint(f, 1, &v.Method)
	wire.Uint(f, 2, &v.TunType)
	wire.Uint(f, 3, &v.TunPort)
	wire.Uint(f, 4, &v.TunCsum)
}

func sorryServerFields(f *wire.Fields, v *config.SorryServer) {
	wire.Addr(f, 1, &v.Addr)
	wire.Uint(f, 2, &v.Port)
	wire.Struct(f, 3, &v.Forward, forwardFields)
	wire.Bool(f, 4, &v.Inhibit)
}

func realServerFields(f *wire.Fields, v *config.RealServer) {
	wire.Addr(f, 1, &v.Addr)
	wire.Uint(f, 2, &v.Port)
	wire.Struct(f, 3, &v.Forward, forwardFields)
	wire.Bool(f, 4, &v.InhibitOnFailure)
	wire.Bool(f, 5, &v.SMTPAlert)
	wire.Bool(f, 6, &v.Drain)
	wire.Int(f, 7, &v.Weight)
	wire.Pointer(f, 11, &v.Extras, serverExtrasFields)
	wire.Pointer(f, 13, &v.Checks, checksFields)
}

func checksFields(f *wire.Fields, v *config.Checks) {
	wire.Structs(f, 1, &v.List, checkerFields)
}

func serverScriptsFields(f *wire.Fields, v *config.ServerScripts) {
	wire.Struct(f, 1, &v.Up, commandFields)
	wire.Struct(f, 2, &v.Down, commandFields)
}

func serverExtrasFields(f *wire.Fields, v *config.ServerExtras) {
	wire.Int(f, 1, &v.SlowStart)
	wire.Int(f, 2, &v.DrainLimit)
	wire.String(f, 3, &v.MaintenanceFile)
	wire.String(f, 4, &v.VirtualHost)
	wire.String(f, 5, &v.SNMPName)
	wire.Uint(f, 6, &v.UpperThreshold)
	wire.Uint(f, 7, &v.LowerThreshold)
	wire.Pointer(f, 8, &v.Scripts, serverScriptsFields)
}

func checkerFields(f *wire.Fields, v *config.Checker) {
	wire.String(f, 1, &v.Kind)
	wire.Addr(f, 2, &v.ConnectIP)
	wire.Uint(f, 3, &v.ConnectPort)
	wire.Addr(f, 4, &v.BindTo)
	wire.Uint(f, 5, &v.BindPort)
	wire.String(f, 6, &v.BindIf)
	wire.Uint(f, 7, &v.FWMark)
	wire.Int(f, 8, &v.ConnectTimeout)
	wire.Int(f, 9, &v.DelayLoop)
	wire.Int(f, 10, &v.Warmup)
	wire.Int(f, 11, &v.Retry)
	wire.Int(f, 12, &v.DelayBeforeRetry)
	wire.Bool(f, 13, &v.Alpha)
	wire.Bool(f, 14, &v.LogAllFailures)
	wire.Structs(f, 15, &v.URLs, urlFields)
	wire.String(f, 16, &v.HTTPProtocol)
	wire.Bool(f, 17, &v.FastRecovery)
	wire.Bool(f, 18, &v.EnableSNI)
	wire.String(f, 19, &v.SNIName)
	wire.Bool(f, 20, &v.TLSCompliant)
	wire.Bool(f, 21, &v.VerifyTLS)
	wire.Struct(f, 22, &v.MiscPath, commandFields)
	wire.Int(f, 23, &v.MiscTimeout)
	wire.Bool(f, 24, &v.MiscDynamic)
	wire.String(f, 25, &v.HeloName)
	wire.String(f, 26, &v.DNSType)
	wire.String(f, 27, &v.DNSName)
	wire.Bytes(f, 28, &v.Payload)
	wire.Bool(f, 29, &v.RequireReply)
	wire.Bytes(f, 30, &v.Reply)
	wire.Bytes(f, 31, &v.ReplyMask)
	wire.Int(f, 32, &v.MinReplyLength)
	wire.Int(f, 33, &v.MaxReplyLength)
	wire.String(f, 34, &v.TrackFile)
	wire.Int(f, 35, &v.Weight)
	wire.Bool(f, 36, &v.Reverse)
	wire.String(f, 37, &v.BFD)
}

func urlFields(f *wire.Fields, v *config.URL) {
	wire.String(f, 1, &v.Path)
	wire.String(f, 2, &v.Digest)
	wire.Structs(f, 3, &v.StatusCodes, statusRangeFields)
	wire.String(f, 4, &v.VirtualHost)
	wire.Struct(f, 5, &v.Regex, regexFields)
	wire.Bool(f, 6, &v.TLSCompliant)
}

func statusRangeFields(f *wire.Fields, v *config.StatusRange) {
	wire.Int(f, 1, &v.Low)
	wire.Int(f, 2, &v.High)
}

func regexFields(f *wire.Fields, v *config.Regex) {
	wire.String(f, 1, &v.Pattern)
	wire.Bool(f, 2, &v.NoMatch)
	wire.Strings(f, 3, &v.Options)
	wire.Int(f, 4, &v.Start)
	wire.Int(f, 5, &v.Max)
	wire.Int(f, 6, &v.MinOffset)
	wire.Int(f, 7, &v.MaxOffset)
}

func sslFields(f *wire.Fields, v *config.SSL) {
	wire.String(f, 1, &v.CA)
	wire.String(f, 2, &v.Certificate)
	wire.String(f, 3, &v.Key)
	wire.String(f, 4, &v.Password)
}

func lvsSyncDaemonFields(f *wire.Fields, v *config.LVSSyncDaemon) {
	wire.String(f, 1, &v.Interface)
	wire.String(f, 2, &v.Instance)
	wire.Int(f, 3, &v.ID)
	wire.Uint(f, 4, &v.MaxLen)
	wire.Uint(f, 5, &v.Port)
	wire.Uint(f, 6, &v.TTL)
	wire.Addr(f, 7, &v.Group)
	wire.Bool(f, 8, &v.Both)
	wire.Int(f, 9, &v.SyncPorts)
}

func lvsTimeoutsFields(f *wire.Fields, v *config.LVSTimeouts) {
	wire.Int(f, 1, &v.TCP)
	wire.Int(f, 2, &v.TCPFin)
	wire.Int(f, 3, &v.UDP)
}

func ipvsMarksFields(f *wire.Fields, v *config.IPVSMarks) {
	wire.Bool(f, 1, &v.Enabled)
	wire.String(f, 2, &v.Table)
	wire.Int(f, 3, &v.Priority)
	wire.Uint(f, 4, &v.Start)
}
