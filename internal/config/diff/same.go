package diff

import (
	"reflect"
	"slices"

	"holdfast/internal/config"
)

// alike says that two blocks are the same. There are tens of thousands of those
// of services, of which most are: they are compared without reflection first.
func alike[T any](a, b *T) bool {
	switch x := any(a).(type) {
	case *config.VirtualServer:
		if sameService(x, any(b).(*config.VirtualServer)) {
			return true
		}
	case *config.RealServer:
		if sameServer(x, any(b).(*config.RealServer)) {
			return true
		}
	}
	return reflect.DeepEqual(a, b)
}

func sameService(a, b *config.VirtualServer) bool {
	return a.Addr == b.Addr && a.Port == b.Port && a.FWMark == b.FWMark && a.Group == b.Group && a.Ordinal == b.Ordinal &&
		a.Family == b.Family && a.Protocol == b.Protocol &&
		a.LBAlgo == b.LBAlgo && a.SchedFlags == b.SchedFlags && a.OnePacket == b.OnePacket && a.Forward == b.Forward &&
		a.PersistenceTimeout == b.PersistenceTimeout && a.PersistenceGranularity == b.PersistenceGranularity &&
		a.PersistenceEngine == b.PersistenceEngine &&
		a.DelayLoop == b.DelayLoop && same(a.SorryServer, b.SorryServer) && a.VirtualHost == b.VirtualHost &&
		a.Alpha == b.Alpha && a.Omega == b.Omega && a.HASuspend == b.HASuspend &&
		a.Quorum == b.Quorum && a.Hysteresis == b.Hysteresis &&
		(a.Scripts == b.Scripts || sameQuorumScripts(a, b)) &&
		a.SMTPAlert == b.SMTPAlert && a.SNMPName == b.SNMPName &&
		sameList(a.RealServers, b.RealServers, sameServer)
}

func sameQuorumScripts(a, b *config.VirtualServer) bool {
	aUp, aDown, bUp, bDown := a.QuorumUp(), a.QuorumDown(), b.QuorumUp(), b.QuorumDown()
	return sameCommand(&aUp, &bUp) && sameCommand(&aDown, &bDown)
}

func sameServer(a, b *config.RealServer) bool {
	return a.Addr == b.Addr && a.Port == b.Port && a.Weight == b.Weight && a.Forward == b.Forward &&
		a.InhibitOnFailure == b.InhibitOnFailure && a.Drain == b.Drain &&
		a.SMTPAlert == b.SMTPAlert && (a.Extras == b.Extras || sameExtras(a, b)) &&
		sameList(a.Checkers(), b.Checkers(), sameChecker)
}

func sameExtras(a, b *config.RealServer) bool {
	x, y := a.Extra(), b.Extra()
	return x.UpperThreshold == y.UpperThreshold && x.LowerThreshold == y.LowerThreshold &&
		x.SlowStart == y.SlowStart && x.DrainLimit == y.DrainLimit && x.MaintenanceFile == y.MaintenanceFile &&
		x.VirtualHost == y.VirtualHost && x.SNMPName == y.SNMPName &&
		(x.Scripts == y.Scripts || sameScripts(a, b))
}

func sameScripts(a, b *config.RealServer) bool {
	aUp, aDown, bUp, bDown := a.NotifyUp(), a.NotifyDown(), b.NotifyUp(), b.NotifyDown()
	return sameCommand(&aUp, &bUp) && sameCommand(&aDown, &bDown)
}

func sameChecker(a, b *config.Checker) bool {
	return a.Kind == b.Kind && a.ConnectIP == b.ConnectIP && a.ConnectPort == b.ConnectPort &&
		a.BindTo == b.BindTo && a.BindPort == b.BindPort && a.BindIf == b.BindIf && a.FWMark == b.FWMark &&
		a.ConnectTimeout == b.ConnectTimeout && a.DelayLoop == b.DelayLoop && a.Warmup == b.Warmup &&
		a.Retry == b.Retry && a.DelayBeforeRetry == b.DelayBeforeRetry && a.Alpha == b.Alpha && a.LogAllFailures == b.LogAllFailures &&
		sameList(a.URLs, b.URLs, sameURL) && a.HTTPProtocol == b.HTTPProtocol && a.FastRecovery == b.FastRecovery &&
		a.EnableSNI == b.EnableSNI && a.SNIName == b.SNIName && a.TLSCompliant == b.TLSCompliant && a.VerifyTLS == b.VerifyTLS &&
		sameCommand(&a.MiscPath, &b.MiscPath) && a.MiscTimeout == b.MiscTimeout && a.MiscDynamic == b.MiscDynamic &&
		a.HeloName == b.HeloName && a.DNSType == b.DNSType && a.DNSName == b.DNSName &&
		slices.Equal(a.Payload, b.Payload) && a.RequireReply == b.RequireReply &&
		slices.Equal(a.Reply, b.Reply) && slices.Equal(a.ReplyMask, b.ReplyMask) &&
		a.MinReplyLength == b.MinReplyLength && a.MaxReplyLength == b.MaxReplyLength &&
		a.TrackFile == b.TrackFile && a.Weight == b.Weight && a.Reverse == b.Reverse && a.BFD == b.BFD
}

func sameURL(a, b *config.URL) bool {
	return a.Path == b.Path && a.Digest == b.Digest && slices.Equal(a.StatusCodes, b.StatusCodes) &&
		a.VirtualHost == b.VirtualHost && sameRegex(&a.Regex, &b.Regex) && a.TLSCompliant == b.TLSCompliant
}

func sameRegex(a, b *config.Regex) bool {
	return a.Pattern == b.Pattern && a.NoMatch == b.NoMatch && slices.Equal(a.Options, b.Options) &&
		a.Start == b.Start && a.Max == b.Max && a.MinOffset == b.MinOffset && a.MaxOffset == b.MaxOffset
}

func sameCommand(a, b *config.Command) bool {
	return a.User == b.User && a.Group == b.Group && a.Shell == b.Shell && slices.Equal(a.Args, b.Args)
}

// same compares what two pointers point to.
func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func sameList[T any](a, b []T, same func(a, b *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(&a[i], &b[i]) {
			return false
		}
	}
	return true
}
