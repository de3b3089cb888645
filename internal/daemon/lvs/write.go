package lvs

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"holdfast/ipvs"
)

// errStopping says that a table is not written to its end, as the role stops.
var errStopping = errors.New("the lvs process stops")

// stopping reports whether Run is to end: nothing is begun any more but release.
func (l *LVS) stopping() bool { return l.ctx != nil && l.ctx.Err() != nil }

// Progress is a number that changes while a long work goes on, as in the kernel: a
// large table takes it minutes where servers of the same names left it a moment
// ago, and whoever waits for that can tell it from a kernel that hangs. Any
// goroutine.
func (l *LVS) Progress() uint64 { return l.progress.Load() }

// cameOn changes Progress: a part of a long work is done. Only the loop of Run may call
// it, or what does not hang when the loop does would pass for its progress.
func (l *LVS) cameOn() {
	l.progress.Add(1)
	l.busy.cameOn()
}

// planned is how many services are planned at a time, in the same memory. The
// plan of a large table is as large as the table, and getting memory takes longer
// than planning.
const planned = 8

// atOnce is how many operations the kernel is given at a time: it may need a
// second for so many, and a stop has to wait for them.
const atOnce = 256

// apply makes have what want is; both are in canonical order. It goes on after
// what the kernel refuses: the error joins that. It ends at once with
// errStopping when the role is to stop.
func (l *LVS) apply(have, want ipvs.Table) error {
	var errs []error
	do := func(ops []ipvs.Op) error {
		if len(ops) == 0 {
			return nil
		}
		if l.log.Enabled(context.Background(), slog.LevelDebug) {
			l.log.Debug("table", "changes", len(ops), "first", ops[0].String())
		}
		for part := range slices.Chunk(ops, atOnce) {
			if l.stopping() {
				return errStopping
			}
			err := l.table.kernel.Apply(part)
			l.cameOn()
			var refused *ipvs.OpError
			if err != nil && !errors.As(err, &refused) && !errors.Is(err, ipvs.ErrFound) {
				return err // nothing more can be said to the kernel
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		return nil
	}
	var ops []ipvs.Op
	for part := range slices.Chunk(want, planned) {
		first, _ := have.Find(part[0].ServiceKey)
		end, found := have.Find(part[len(part)-1].ServiceKey)
		if found {
			end++
		}
		ops = ipvs.AppendPlan(ops, have[first:end], part, nil)
		if full := len(ops) - len(ops)%atOnce; full > 0 {
			if err := do(ops[:full]); err != nil {
				return errors.Join(append(errs, err)...)
			}
			ops = append(ops[:0], ops[full:]...)
		}
	}
	if err := do(ops); err != nil {
		return errors.Join(append(errs, err)...)
	}
	var gone ipvs.Table
	for _, e := range have {
		if _, ok := want.Find(e.ServiceKey); !ok {
			gone = append(gone, e)
		}
	}
	return errors.Join(append(errs, do(ipvs.Plan(gone, nil, l.isOurs)))...)
}
