package config

// strictAdverts takes back what RFC 3768 and RFC 5798 do not know of how
// adverts of others are answered.
func (d *decoder) strictAdverts(i *instance) {
	note := func(format string, args ...any) { d.about(i, Warning, ClassGeneral, "strict", format, args...) }
	if i.garpLower {
		note("strict mode sends no gratuitous ARP after an advert of lower priority: garp_lower_prio_repeat is ignored")
	}
	i.GARP.LowerPrioRep, i.GARP.LowerPrioDelay = 0, 0
	if i.lowerPrio != nil && !*i.lowerPrio {
		note("strict mode does not answer an advert of lower priority: lower_prio_no_advert is on")
	}
	i.LowerPrioNoAdvert = true
	if i.HigherPrioSendAdvert && (i.higherPrio != nil || d.state.global.higherSaid) {
		id := "strict"
		if i.higherPrio == nil {
			id = "strict-inherited" // asked for by a global default
		}
		d.about(i, Warning, ClassGeneral, id, "strict mode sends nothing when it yields: higher_prio_send_advert is ignored")
	}
	i.HigherPrioSendAdvert = false
	if len(i.UnicastPeer) > 0 {
		d.about(i, Warning, ClassNone, "strict", "strict mode and unicast_peer: keepalived from 2.4.0 does not start with both where the interface can do multicast")
	}
}
