package role

import (
	"holdfast/internal/config"
	"holdfast/internal/wire"
)

// The functions of this and the next files name the fields of what travels, for
// package wire, which says what their numbers mean: they stay as they are.

func configFields(f *wire.Fields, v *config.Config) {
	wire.Strings(f, 1, &v.Files)
	wire.Struct(f, 2, &v.Daemon, daemonFields)
	wire.Struct(f, 3, &v.Global, globalDefsFields)
	wire.Structs(f, 4, &v.Scripts, vrrpScriptFields)
	wire.Structs(f, 5, &v.TrackFiles, trackFileFields)
	wire.Structs(f, 6, &v.TrackProcesses, trackProcessFields)
	wire.Structs(f, 7, &v.BFDInstances, bfdInstanceFields)
	wire.Struct(f, 8, &v.Links, linksFields)
	wire.Structs(f, 9, &v.SyncGroups, syncGroupFields)
	wire.Structs(f, 10, &v.TrackGroups, trackGroupFields)
	wire.Structs(f, 11, &v.Instances, vrrpInstanceFields)
	wire.Structs(f, 12, &v.GARPGroups, garpGroupFields)
	wire.Structs(f, 13, &v.ServiceGroups, virtualServerGroupFields)
	wire.Structs(f, 14, &v.VirtualServers, virtualServerFields)
	wire.Struct(f, 15, &v.SSL, sslFields)
	wire.Structs(f, 16, &v.StaticAddresses, vipFields)
	wire.Structs(f, 17, &v.StaticRoutes, routeFields)
	wire.Structs(f, 18, &v.StaticRules, routeRuleFields)
}

func daemonFields(f *wire.Fields, v *config.Daemon) {
	wire.String(f, 1, &v.Instance)
	wire.String(f, 2, &v.NetNamespace)
	wire.String(f, 3, &v.IPVSNamespace)
	wire.Bool(f, 4, &v.IPVSNamespaceSet)
	wire.Bool(f, 5, &v.UsePIDDir)
	wire.Int(f, 6, &v.ChildWait)
}

func globalDefsFields(f *wire.Fields, v *config.GlobalDefs) {
	wire.String(f, 1, &v.RouterID)
	wire.Strings(f, 2, &v.NotificationEmail)
	wire.String(f, 3, &v.NotificationEmailFrom)
	wire.String(f, 4, &v.SMTPServer)
	wire.Uint(f, 5, &v.SMTPPort)
	wire.Int(f, 6, &v.SMTPConnectTimeout)
	wire.String(f, 7, &v.SMTPHeloName)
	wire.Bool(f, 8, &v.NoEmailFaults)
	wire.Bool(f, 9, &v.NoCheckerEmails)
	wire.Int(f, 10, &v.ProcessMonitorRcvBufs)
	wire.Uint(f, 11, &v.VRRPVersion)
	wire.Bool(f, 12, &v.VRRPSkipCheckAdvAddr)
	wire.Bool(f, 13, &v.VRRPStrict)
	wire.Addr(f, 14, &v.VRRPMcastGroup4)
	wire.Addr(f, 15, &v.VRRPMcastGroup6)
	wire.String(f, 16, &v.VMACPrefix)
	wire.Bool(f, 17, &v.DisableLocalIGMP)
	wire.String(f, 18, &v.VMACAddrPrefix)
	wire.Int(f, 19, &v.VRRPStartupDelay)
	wire.Int(f, 20, &v.VRRPDelayAfterBoot)
	wire.Bool(f, 21, &v.VRRPCheckUnicastSrc)
	wire.Struct(f, 22, &v.GARP, garpFields)
	wire.Int(f, 23, &v.GARPInterval)
	wire.Int(f, 24, &v.GNAInterval)
	wire.Bool(f, 25, &v.LowerPrioNoAdvert)
	wire.Bool(f, 26, &v.HigherPrioSendAdvert)
	wire.Bool(f, 27, &v.DynamicInterfaces)
	wire.Bool(f, 28, &v.NotifyPriorityChange)
	wire.Bool(f, 29, &v.LogUnknownVRIDs)
	wire.Struct(f, 30, &v.RxBufs, rxBufsFields)
	wire.Struct(f, 31, &v.NetlinkBufs, netlinkBufsFields)
	wire.Bool(f, 32, &v.ProcessNames)
	wire.String(f, 33, &v.ProcessName)
	wire.Struct(f, 34, &v.VRRPProcess, processSettingsFields)
	wire.Struct(f, 35, &v.LVSProcess, processSettingsFields)
	wire.Struct(f, 36, &v.AutoPriority, autoPriorityFields)
	wire.String(f, 37, &v.ScriptUser)
	wire.String(f, 38, &v.ScriptGroup)
	wire.Bool(f, 39, &v.EnableScriptSecurity)
	wire.Bool(f, 40, &v.ReloadCheckConfig)
	wire.Struct(f, 41, &v.StartupScript, commandFields)
	wire.Int(f, 42, &v.StartupScriptTimeout)
	wire.Struct(f, 43, &v.ShutdownScript, commandFields)
	wire.Int(f, 44, &v.ShutdownScriptTimeout)
	wire.Bool(f, 45, &v.FIFOStatesOnReload)
	wire.Struct(f, 46, &v.NotifyFIFO, fifoFields)
	wire.Struct(f, 47, &v.VRRPNotifyFIFO, fifoFields)
	wire.Struct(f, 48, &v.LVSNotifyFIFO, fifoFields)
	wire.Struct(f, 49, &v.NFTables, nfTablesFields)
	wire.Struct(f, 50, &v.IPVSMarks, ipvsMarksFields)
	wire.Struct(f, 51, &v.DaemonFiles, daemonFilesFields)
	wire.Struct(f, 52, &v.SNMP, snmpFields)
	wire.Struct(f, 53, &v.DBus, dBusFields)
	wire.Uint(f, 54, &v.LVSFollowVRRP)
	wire.Bool(f, 55, &v.StandbyChecks)
	wire.Bool(f, 56, &v.RSInitNotifies)
	wire.String(f, 57, &v.MaintenanceFile)
	wire.Bool(f, 58, &v.LVSFlush)
	wire.Uint(f, 59, &v.LVSFlushOnStop)
	wire.Struct(f, 60, &v.LVSTimeouts, lvsTimeoutsFields)
	wire.Strings(f, 61, &v.LVSProfile)
	wire.Pointer(f, 62, &v.LVSSyncDaemon, lvsSyncDaemonFields)
}

func rxBufsFields(f *wire.Fields, v *config.RxBufs) {
	wire.Uint(f, 1, &v.Policy)
	wire.Int(f, 2, &v.Bytes)
	wire.Int(f, 3, &v.Multiplier)
}

func netlinkBufsFields(f *wire.Fields, v *config.NetlinkBufs) {
	wire.Int(f, 1, &v.Cmd)
	wire.Int(f, 2, &v.Monitor)
	wire.Bool(f, 3, &v.CmdForce)
	wire.Bool(f, 4, &v.MonitorForce)
}

func processSettingsFields(f *wire.Fields, v *config.ProcessSettings) {
	wire.String(f, 1, &v.Name)
	wire.Int(f, 2, &v.Nice)
	wire.Bool(f, 3, &v.NoSwap)
	wire.Int(f, 4, &v.RTPriority)
	wire.Ints(f, 5, &v.CPUs)
	wire.Int(f, 6, &v.RTTime)
}

func autoPriorityFields(f *wire.Fields, v *config.AutoPriority) {
	wire.Int(f, 1, &v.Max)
	wire.Int(f, 2, &v.Delay)
}

func commandFields(f *wire.Fields, v *config.Command) {
	wire.Strings(f, 1, &v.Args)
	wire.Bool(f, 2, &v.Shell)
	wire.String(f, 3, &v.User)
	wire.String(f, 4, &v.Group)
}

func fifoFields(f *wire.Fields, v *config.FIFO) {
	wire.String(f, 1, &v.Path)
	wire.String(f, 2, &v.User)
	wire.String(f, 3, &v.Group)
	wire.Struct(f, 4, &v.Script, commandFields)
}

func nfTablesFields(f *wire.Fields, v *config.NFTables) {
	wire.String(f, 1, &v.Table)
	wire.Int(f, 2, &v.Priority)
	wire.Bool(f, 3, &v.Counters)
}

func daemonFilesFields(f *wire.Fields, v *config.DaemonFiles) {
	wire.Uint(f, 1, &v.Umask)
	wire.Bool(f, 2, &v.UmaskSet)
	wire.Uint(f, 3, &v.RandomSeed)
	wire.Bool(f, 4, &v.RandomSeedSet)
	wire.Uint(f, 5, &v.IncludeCheck)
	wire.String(f, 6, &v.ReloadTimeFile)
	wire.Bool(f, 7, &v.ReloadRepeat)
	wire.Bool(f, 8, &v.ReloadFile)
	wire.String(f, 9, &v.ReloadFilePath)
	wire.String(f, 10, &v.ConfigSaveDir)
	wire.String(f, 11, &v.TmpConfigDirectory)
	wire.String(f, 12, &v.IPRouteEtcDir)
	wire.String(f, 13, &v.IPRouteUsrDir)
	wire.Bool(f, 14, &v.DataUseInstance)
	wire.String(f, 15, &v.StateDumpFile)
	wire.String(f, 16, &v.StatsDumpFile)
	wire.String(f, 17, &v.JSONDumpFile)
	wire.Int(f, 18, &v.JSONVersion)
}

func snmpFields(f *wire.Fields, v *config.SNMP) {
	wire.String(f, 1, &v.Socket)
	wire.Bool(f, 2, &v.Traps)
	wire.Bool(f, 3, &v.VRRP)
	wire.Bool(f, 4, &v.Checker)
	wire.Bool(f, 5, &v.RFCv2)
	wire.Bool(f, 6, &v.RFCv3)
	wire.Int(f, 7, &v.VSInterval)
	wire.Int(f, 8, &v.RSInterval)
}

func dBusFields(f *wire.Fields, v *config.DBus) {
	wire.Bool(f, 1, &v.Enabled)
	wire.String(f, 2, &v.ServiceName)
	wire.String(f, 3, &v.NoInterface)
}
