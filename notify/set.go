package notify

import (
	"context"
	"errors"
	"reflect"
	"sync"
)

// FIFOs is the set of pipes of one process, by path. Methods may be called
// from any goroutine.
type FIFOs struct {
	deps FIFODeps
	set  sync.Mutex // one Set or Close at a time
	mu   sync.Mutex // of open; never held while something waits
	open map[string]*FIFO
}

// NewFIFOs returns an empty set.
func NewFIFOs(deps FIFODeps) *FIFOs {
	return &FIFOs{deps: deps, open: map[string]*FIFO{}}
}

// Set makes the open pipes those of cfgs. One whose description is unchanged
// stays open, with its lines and its reader; so a reload loses nothing. Of
// several descriptions of one path the first counts. The errors of those that
// could not be opened are joined; the others work.
func (s *FIFOs) Set(ctx context.Context, cfgs ...FIFOConfig) error {
	s.set.Lock()
	defer s.set.Unlock()
	want := map[string]FIFOConfig{}
	var order []string
	for _, c := range cfgs {
		if c.Lines <= 0 {
			c.Lines = DefaultLines
		}
		if _, ok := want[c.Path]; c.Path != "" && !ok {
			want[c.Path] = c
			order = append(order, c.Path)
		}
	}
	var gone []*FIFO
	s.mu.Lock()
	for path, f := range s.open {
		if c, ok := want[path]; !ok || !reflect.DeepEqual(c, f.cfg) {
			gone = append(gone, f)
			delete(s.open, path)
		}
	}
	for path := range s.open {
		delete(want, path)
	}
	s.mu.Unlock()

	var errs []error
	for _, f := range gone {
		errs = append(errs, f.Close(ctx))
	}
	for _, path := range order {
		c, ok := want[path]
		if !ok {
			continue
		}
		f, err := OpenFIFO(c, s.deps)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.mu.Lock()
		s.open[path] = f
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Write writes one line to each of the paths that is open; empty and repeated
// paths are skipped.
func (s *FIFOs) Write(line string, paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range paths {
		f := s.open[p]
		if f == nil {
			continue
		}
		repeated := false
		for _, q := range paths[:i] {
			repeated = repeated || q == p
		}
		if !repeated {
			f.Write(line)
		}
	}
}

// Stats returns the counters by path.
func (s *FIFOs) Stats() map[string]FIFOStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]FIFOStats, len(s.open))
	for p, f := range s.open {
		out[p] = f.Stats()
	}
	return out
}

// Close closes all of them side by side, each with the time ctx leaves.
func (s *FIFOs) Close(ctx context.Context) error {
	s.set.Lock()
	defer s.set.Unlock()
	s.mu.Lock()
	all := make([]*FIFO, 0, len(s.open))
	for _, f := range s.open {
		all = append(all, f)
	}
	s.open = map[string]*FIFO{}
	s.mu.Unlock()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f.Close(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
