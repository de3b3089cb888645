package ipvs

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	cf "github.com/cloudflare/ipvs"
	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// batchLen is how many messages go into one sendmsg. 256 messages are
	// about 40 KiB; a socket refuses more than its send buffer (208 KiB).
	batchLen = 256
	// readBuffer holds the answers to a batch of which every message fails.
	readBuffer = 1 << 20
	// answerTime is how long one answer may take. The kernel does a message
	// before sendmsg returns, so anything near it means a broken connection.
	answerTime = 30 * time.Second
)

// genl is IPVS over generic netlink, in the network namespace of the thread
// that called Open.
type genl struct {
	mu     sync.Mutex
	nl     *netlink.Conn // writes, and reads that the client cannot do; nil after a failure
	client cf.Client     // reads
	family uint16
	out    batch
	errs   []error       // of exec; used again, as the buffer of out is
	place  []int         // of batch; used again
	seq    uint32        // of the last message sent by batch
	wait   time.Duration // for one answer
	until  time.Time     // an answer is waited for on this connection
}

// Open connects to the IPVS of the calling thread's network namespace, which
// makes Linux load its module. It needs CAP_NET_ADMIN in the initial user
// namespace. The error wraps ErrNoIPVS if there is none. After a failed
// connection the next call connects anew, from the thread that makes it.
func Open() (Kernel, error) {
	g := &genl{wait: answerTime}
	if err := g.dial(); err != nil {
		return nil, fmt.Errorf("ipvs: open: %w", err)
	}
	return g, nil
}

// dial connects unless there is a connection.
func (g *genl) dial() (err error) {
	if g.nl != nil {
		return nil
	}
	nl, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			nl.Close()
		}
	}()
	f, err := genetlink.NewConn(nl).GetFamily(genlName)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNoIPVS
	}
	if err != nil {
		return err
	}
	// Answers without a copy of the request, and room for all of them.
	if err := nl.SetOption(netlink.CapAcknowledge, true); err != nil {
		return err
	}
	if err := nl.SetReadBuffer(readBuffer); err != nil {
		return err
	}
	client, err := cf.New()
	if err != nil {
		return err
	}
	g.nl, g.client, g.family, g.until = nl, client, f.ID, time.Time{}
	return nil
}

// renew gives the kernel its time to answer, or nine tenths of it at least: setting
// it anew asks for the time of day five times, and where each of that is a system
// call, as in a user-mode kernel, writing a batch takes little more.
func (g *genl) renew() error {
	if left := time.Until(g.until); left <= g.wait && left > g.wait-g.wait/10 {
		return nil
	}
	g.until = time.Now().Add(g.wait)
	return g.nl.SetDeadline(g.until)
}

// connect locks, and connects if need be.
func (g *genl) connect() (unlock func(), err error) {
	g.mu.Lock()
	if err := g.dial(); err != nil {
		g.mu.Unlock()
		return nil, fmt.Errorf("ipvs: connect: %w", err)
	}
	return g.mu.Unlock, nil
}

// start locks, connects if need be and gives the kernel its time to answer.
func (g *genl) start() (unlock func(), err error) {
	if unlock, err = g.connect(); err != nil {
		return nil, err
	}
	if err := g.renew(); err != nil {
		unlock()
		return nil, fmt.Errorf("ipvs: deadline: %w", err)
	}
	return unlock, nil
}

// Close closes both connections.
func (g *genl) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.close()
}

func (g *genl) close() error {
	if g.nl == nil {
		return nil
	}
	err := g.nl.Close()
	if c, ok := g.client.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	g.nl, g.client = nil, nil
	return err
}

// errUnloaded says that the module went away after we had connected to it.
var errUnloaded = errors.New("the module ip_vs was unloaded")

// checked gives up the connection if err is a failure of it and not an answer
// of the kernel: answers that are still to come would be taken for those to
// the next request. "No such file" is what the kernel answers of a destination,
// and of everything once IPVS is no longer there.
func (g *genl) checked(err error) error {
	var oe *netlink.OpError
	switch {
	case err == nil:
	case errors.Is(err, os.ErrNotExist):
		if g.unloaded() {
			_ = g.close()
			return errUnloaded
		}
	case !errors.As(err, &oe) || oe.Sequence == 0:
		_ = g.close()
	}
	return err
}

// unloaded reports whether the family that we talk to is gone. Another one that
// was loaded since has another number.
func (g *genl) unloaded() bool {
	f, err := genetlink.NewConn(g.nl).GetFamily(genlName)
	return err != nil || f.ID != g.family
}

func (g *genl) Apply(ops []Op) error {
	unlock, err := g.connect() // each batch gives the kernel its time
	if err != nil {
		return err
	}
	defer unlock()
	err = apply(ops, g.exec)
	noteModules(err, "/sys/module")
	return err
}

// noteModules notes in errors about what the kernel lacks which of the two modules
// is loaded (dir is /sys/module): the kernel loads the scheduler's first, and says
// the same of either. One that is built in is not seen there.
func noteModules(err error, dir string) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return
	}
	loaded := func(module string) bool {
		_, err := os.Stat(filepath.Join(dir, module))
		return err == nil
	}
	for _, e := range joined.Unwrap() {
		var op *OpError
		if !errors.As(e, &op) || op.Op.Service.PE == "" || !errors.Is(op.Err, syscall.ENOENT) {
			continue
		}
		op.HasScheduler, op.HasEngine = loaded("ip_vs_"+op.Op.Service.Scheduler), loaded("ip_vs_pe_"+op.Op.Service.PE)
		if op.HasScheduler && op.HasEngine { // one came a moment too late
			op.HasScheduler, op.HasEngine = false, false
		}
	}
}

// exec sends ops in batches. The error is for a broken connection.
func (g *genl) exec(ops []Op) ([]error, error) {
	g.errs = slices.Grow(g.errs[:0], len(ops))
	errs := g.errs[:len(ops)]
	clear(errs)
	for start := 0; start < len(ops); start += batchLen {
		end := min(start+batchLen, len(ops))
		if err := g.checked(g.batch(ops[start:end], errs[start:end])); err != nil {
			return nil, wrap("apply", err)
		}
	}
	return errs, nil
}

// batch sends at most batchLen operations in one system call and fills in errs.
// Only the last message asks for an acknowledgement; the kernel reports others
// that fail, in order, before it.
func (g *genl) batch(ops []Op, errs []error) error {
	b := g.begin()
	g.place = slices.Grow(g.place[:0], len(ops))
	for i := range ops {
		err := b.add(func(buf []byte) ([]byte, error) { return appendOp(buf, ops[i]) })
		if err != nil {
			errs[i] = err
			continue
		}
		g.place = append(g.place, i)
	}
	var missing error
	if err := g.send(b, func(i int, err error) {
		errs[g.place[i]] = err
		if errors.Is(err, os.ErrNotExist) {
			missing = err
		}
	}); err != nil || missing == nil {
		return err
	}
	if g.unloaded() {
		return errUnloaded
	}
	return nil
}

func (g *genl) Flush() error {
	unlock, err := g.start()
	if err != nil {
		return err
	}
	defer unlock()
	_, err = g.ask(cmdFlush, netlink.Acknowledge, nil)
	return wrap("flush", err)
}

func (g *genl) Zero(k ServiceKey) error {
	unlock, err := g.start()
	if err != nil {
		return err
	}
	defer unlock()
	var attrs func(*netlink.AttributeEncoder)
	if k != (ServiceKey{}) {
		attrs = func(ae *netlink.AttributeEncoder) {
			ae.Bytes(netlink.Nested|attrService, appendService(nil, &Service{ServiceKey: k}, false))
		}
	}
	_, err = g.ask(cmdZero, netlink.Acknowledge, attrs)
	return wrap("zero counters", err)
}

func (g *genl) SetTimeouts(t Timeouts) error {
	var bad bool
	sec := func(d time.Duration) uint32 {
		s := d / time.Second
		bad = bad || s < 0 || s > math.MaxInt32
		return uint32(s)
	}
	c := cf.Config{TCPTimeout: sec(t.TCP), TCPFinTimeout: sec(t.TCPFin), UDPTimeout: sec(t.UDP)}
	if bad {
		return wrap("set timeouts", syscall.EINVAL)
	}
	unlock, err := g.start()
	if err != nil {
		return err
	}
	defer unlock()
	return wrap("set timeouts", g.checked(g.client.SetConfig(c)))
}

func (g *genl) StartDaemon(d Daemon) error {
	op := fmt.Sprintf("start sync daemon %s on %q", d.Role, d.Interface)
	if d.Interface == "" {
		return wrap(op, syscall.EINVAL)
	}
	unlock, err := g.start()
	if err != nil {
		return err
	}
	defer unlock()
	return wrap(op, g.daemon(cmdNewDaemon, d))
}

func (g *genl) StopDaemon(r SyncRole) error {
	unlock, err := g.start()
	if err != nil {
		return err
	}
	defer unlock()
	return wrap("stop sync daemon "+r.String(), g.daemon(cmdDelDaemon, Daemon{Role: r}))
}

// daemon sends a command about a sync daemon. Linux never answers it when the
// daemon is stopped before its thread ran for the first time: the stop then
// ends with EINTR, which netlink takes for "no answer". So a request that
// changes nothing, to set no timeout, follows in the same system call and is
// the one that is acknowledged.
func (g *genl) daemon(command uint8, d Daemon) error {
	b := g.begin()
	if err := b.add(func(buf []byte) ([]byte, error) { return encode(buf, command, encodeDaemon(d)) }); err != nil {
		return err
	}
	if err := b.add(func(buf []byte) ([]byte, error) { return encode(buf, cmdSetConfig, nil) }); err != nil {
		return err
	}
	var refused error
	broken := g.send(b, func(i int, err error) {
		if i == 0 {
			refused = err
		}
	})
	if g.checked(broken) != nil {
		return broken
	}
	if errors.Is(refused, os.ErrNotExist) {
		return g.checked(refused)
	}
	return refused
}

// wrap names what was tried, and the cause without netlink's own words where
// it is the kernel's answer.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var oe *netlink.OpError
	if errors.As(err, &oe) && oe.Sequence != 0 {
		err = oe.Err
	}
	return fmt.Errorf("ipvs: %s: %w", op, err)
}
