package vrrp

import "fmt"

// text is what an action says, without who.
func text(a Action) string {
	peer := ""
	if a.Peer.IsValid() {
		peer = " from " + a.Peer.String()
	}
	switch a.Kind {
	case ActionSend:
		return fmt.Sprintf("send advert, priority %d", a.Priority)
	case ActionAddresses:
		if a.Want {
			return fmt.Sprintf("addresses on, generation %d", a.Gen)
		}
		return fmt.Sprintf("addresses off, generation %d", a.Gen)
	case ActionAnnounce:
		if a.Extra {
			return fmt.Sprintf("announce one on each other interface %d times", a.Count)
		}
		return fmt.Sprintf("announce %d times", a.Count)
	case ActionChanged:
		return fmt.Sprintf("%v -> %v, priority %d (%v%s)", a.From, a.To, a.Priority, a.Reason, peer)
	case ActionGroupChanged:
		return fmt.Sprintf("%v -> %v (%v)", a.From, a.To, a.Reason)
	case ActionEvent:
		return fmt.Sprintf("event: %v%s, priority %d", a.Reason, peer, a.Priority)
	}
	return "?"
}

func texts(list []Action) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = text(a)
	}
	return out
}
