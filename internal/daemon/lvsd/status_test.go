package lvsd

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
)

// An answer that takes its time is waited for as long as the parent waits; then it is
// what was so before, and with what the role is busy. A role that hangs says nothing.
func TestAStatusSaysWhatTheRoleIsBusyWith(t *testing.T) {
	type step struct {
		takes time.Duration
		busy  *lvs.Busy // CameOn is set by the test, unless it hangs
		hangs bool
		want  string
	}
	reload := &lvs.Busy{With: "a reload"}
	reading := &lvs.Busy{With: "the kernel's IPVS table", Reading: true}
	whole := func(n int) string { return fmt.Sprintf("status [s%d]; ", n) }
	const stale = "status busy with a reload, last [s0]; "
	for name, steps := range map[string][]step{
		"soon":                   {{want: whole(0)}},
		"not asked before":       {{takes: 5 * time.Second, busy: reload, want: "status busy with a reload; "}},
		"asked before":           {{want: whole(0)}, {takes: 5 * time.Second, busy: reload, want: stale}, {want: whole(2)}},
		"asked before in vain":   {{takes: 5 * time.Second, busy: reload, want: "status busy with a reload; "}, {takes: 5 * time.Second, busy: reload, want: stale}},
		"reading, in time":       {{takes: 2500 * time.Millisecond, busy: reading, want: "at-work; at-work; " + whole(0)}},
		"reading, late":          {{want: whole(0)}, {takes: 5 * time.Second, busy: reading, want: "at-work; at-work; status busy with the kernel's IPVS table, last [s0]; "}},
		"it hangs":               {{want: whole(0)}, {takes: 5 * time.Second, want: whole(1)}},
		"the work does not come": {{want: whole(0)}, {takes: 5 * time.Second, busy: reload, hangs: true, want: whole(1)}},
		"it never answers":       {{takes: time.Hour, want: "status lvs: status: context deadline exceeded; "}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				said := ""
				var now step
				n := 0
				s := &statuses{
					ask: func(ctx context.Context) (lvs.Status, error) {
						select {
						case <-time.After(now.takes):
							return lvs.Status{Services: []lvs.ServiceStatus{{Name: fmt.Sprintf("s%d", n)}}}, nil
						case <-ctx.Done():
							return lvs.Status{}, fmt.Errorf("lvs: status: %w", ctx.Err())
						}
					},
					busy: func() *lvs.Busy {
						if now.busy == nil {
							return nil
						}
						b := *now.busy
						b.Since, b.CameOn = time.Now(), time.Now()
						if now.hangs {
							b.CameOn = time.Now().Add(-answerLimit)
						}
						return &b
					},
					out: func() notifier.Status { return notifier.Status{} },
					post: func(m ipc.Message) {
						said += m.Type
						if m.Err != "" {
							said += " " + m.Err
						}
						var l control.LVS
						if m.Body != nil {
							if err := json.Unmarshal(m.Body, &l); err != nil {
								t.Fatalf("%v: %s", err, m.Body)
							}
							last := ""
							for _, v := range l.Services {
								last = " [" + v.Name + "]"
							}
							switch b := l.Busy; {
							case b == nil:
								said += last
							case b.AsOf.IsZero() != (last == ""):
								t.Errorf("as of %v: %q", b.AsOf, last)
							case last == "":
								said += " busy with " + b.With
							default:
								said += " busy with " + b.With + ", last" + last
							}
						}
						said += "; "
					},
				}
				for i, st := range steps {
					now, n, said = st, i, ""
					s.status(uint64(i))
					if said != st.want {
						t.Errorf("%d: said %q, want %q", i, said, st.want)
					}
				}
				if s.last.drop != nil {
					s.last.drop.Stop()
				}
			})
		})
	}
}

func TestTheLastAnswerIsNotKeptForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l last
		kept := func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.body != nil
		}
		l.keep([]byte(`{"services":[]}`), time.Now())
		time.Sleep(lastKept / 2)
		l.keep([]byte(`{"services":[]}`), time.Now())
		time.Sleep(lastKept - time.Second)
		synctest.Wait()
		if !kept() {
			t.Error("gone too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if kept() {
			t.Error("kept")
		}
	})
}
