package control

import (
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
)

// LVS is what the lvs process says of itself.
type LVS struct {
	lvs.Status
	Notify notifier.Status `json:"notify"`
}
