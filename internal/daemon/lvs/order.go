package lvs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast/ipvs"
)

// Limits of what is ordered.
const (
	maxOrderWeight = 65535
	maxDrain       = 7 * 24 * time.Hour
)

// Order is what somebody asks of a real server in words: "weight 5", "drain",
// "drain 90", "drain 5m", "disable", "enable". These are the words of
// `holdfast set` and of maintenance files.
type Order struct {
	Action ipvs.Action // NoOrder: enable
	Weight uint32
	Limit  time.Duration // of Drain; 0: none
}

// ParseOrder reads the words of an order.
func ParseOrder(words []string) (Order, error) {
	if len(words) == 0 {
		return Order{}, errors.New("weight N, drain [TIME], disable or enable is wanted")
	}
	args := words[1:]
	bare := func(a ipvs.Action) (Order, error) {
		if len(args) > 0 {
			return Order{}, fmt.Errorf("%q after %s is too much", args[0], words[0])
		}
		return Order{Action: a}, nil
	}
	switch words[0] {
	case "enable":
		return bare(ipvs.NoOrder)
	case "disable":
		return bare(ipvs.Disable)
	case "drain":
		if len(args) == 0 {
			return Order{Action: ipvs.Drain}, nil
		}
		d, err := time.ParseDuration(args[0])
		if err != nil {
			d, err = time.ParseDuration(args[0] + "s")
		}
		if err != nil || d <= 0 || d > maxDrain || len(args) > 1 {
			return Order{}, fmt.Errorf("drain %q: a time up to %v is wanted, as 90, 90s or 5m", strings.Join(args, " "), maxDrain)
		}
		return Order{Action: ipvs.Drain, Limit: d}, nil
	case "weight":
		if len(args) != 1 {
			return Order{}, errors.New("weight: one number is wanted")
		}
		w, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil || w > maxOrderWeight {
			return Order{}, fmt.Errorf("weight %q: a number from 0 to %d is wanted", args[0], maxOrderWeight)
		}
		return Order{Action: ipvs.Weigh, Weight: uint32(w)}, nil
	}
	return Order{}, fmt.Errorf("%q is not one of weight N, drain [TIME], disable and enable", words[0])
}

// at is the order for the pool.
func (o Order) at(now time.Time) ipvs.Order {
	out := ipvs.Order{Action: o.Action, Weight: o.Weight}
	if o.Limit > 0 {
		out.Deadline = now.Add(o.Limit)
	}
	return out
}

// word is how an order is called in the status and in the log.
func word(o ipvs.Order) string {
	switch o.Action {
	case ipvs.Weigh:
		return fmt.Sprint("weight ", o.Weight)
	case ipvs.Drain:
		if o.Done {
			return "drained"
		}
		return "drain"
	case ipvs.Disable:
		return "disable"
	}
	return "enable"
}
