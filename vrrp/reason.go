package vrrp

var reasonNames = [...]string{
	ReasonNone:          "",
	ReasonStart:         "started",
	ReasonTimeout:       "no advert within the master-down interval",
	ReasonMasterStopped: "the master stopped",
	ReasonOwner:         "address owner",
	ReasonHigherAdvert:  "a peer has the higher priority",
	ReasonLowerAdvert:   "a peer has the lower priority",
	ReasonLink:          "interface",
	ReasonTrack:         "tracked",
	ReasonGroup:         "sync group",
	ReasonAddressLost:   "an address was removed by a stranger",
	ReasonPriority:      "the priority changed",
	ReasonShutdown:      "stopped",
	ReasonResume:        "taken over from a process that died",
	ReasonReload:        "reload",
	ReasonDeaf:          "a master was there that could not be heard before",
	ReasonPathLost:      "an advert path was lost",
	ReasonPathBack:      "an advert path works again",
	ReasonYield:         "slept longer than the peers wait",
	ReasonPreempt:       "the master had a lower priority",
}

// String is the reason as logs and status say it.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Led is the text for what a member of a sync group did because of another one,
// which changed for the reason why; empty for a name that is not known.
func Led(member, why string) string {
	switch {
	case member == "":
		return ""
	case why == "":
		return "member " + member
	}
	return "member " + member + ": " + why
}
