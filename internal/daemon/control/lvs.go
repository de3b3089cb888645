package control

import (
	"time"

	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
)

// LVS is what the lvs process says of itself.
type LVS struct {
	// Busy says that it is at work on something that keeps it from saying how it
	// is now; nil: all else is of now.
	Busy *Busy `json:"busy,omitempty"`
	lvs.Status
	Notify notifier.Status `json:"notify"`
}

// Busy is a work of the lvs process that goes on.
type Busy struct {
	lvs.Busy
	// AsOf is when all else was so; zero: it has not been asked for some minutes,
	// and nothing else is said.
	AsOf time.Time `json:"as_of,omitzero"`
}
