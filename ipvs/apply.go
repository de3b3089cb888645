package ipvs

import (
	"errors"
	"syscall"
)

// apply does ops by exec and then, in a second round, what the first one's
// errors ask for. exec returns one error for each operation, nil where it
// went well; its second result says that the connection failed and the
// outcome is unknown.
func apply(ops []Op, exec func([]Op) ([]error, error)) error {
	if len(ops) == 0 {
		return nil
	}
	errs, err := exec(ops)
	if err != nil {
		return err
	}
	var again []Op
	var failed []error
	found := false
	for i, e := range errs {
		if e == nil {
			continue
		}
		op, retry, ok := afterError(ops[i], e)
		switch {
		case ok:
		case retry:
			again = append(again, op)
			found = found || ops[i].Kind == AddService
		default:
			failed = append(failed, &OpError{Op: ops[i], Err: e})
		}
	}
	if len(again) > 0 {
		errs, err := exec(again)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for i, e := range errs {
			if e != nil {
				failed = append(failed, &OpError{Op: again[i], Err: e})
			}
		}
	}
	if found {
		failed = append(failed, ErrFound)
	}
	return errors.Join(failed...)
}

// afterError says whether an operation that failed is done all the same (ok),
// or which operation to try instead (retry).
func afterError(op Op, err error) (next Op, retry, ok bool) {
	switch {
	case op.Kind == AddService && errors.Is(err, syscall.EEXIST):
		op.Kind = EditService
		return op, true, false
	case op.Kind == AddDest && errors.Is(err, syscall.EEXIST):
		op.Kind = EditDest
		return op, true, false
	case op.Kind == EditDest && errors.Is(err, syscall.ENOENT):
		op.Kind = AddDest
		return op, true, false
	case op.Kind == DelService && errors.Is(err, syscall.ESRCH),
		op.Kind == DelDest && (errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ESRCH)):
		return op, false, true
	}
	return op, false, false
}
