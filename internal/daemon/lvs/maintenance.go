package lvs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

const (
	// pinEvery is how often maintenance files are read.
	pinEvery = time.Second
	// pinWait bounds how long a start or a reload waits for them to be read
	// once: a server in maintenance is not to be in service even for a moment.
	pinWait = time.Second
	// pinFile and pinLines bound what is read of one file, or folder.
	pinFile  = 1 << 20
	pinLines = 20000
)

// pin is an order that a file gives.
type pin struct {
	file            string
	own             subject // of a maintenance_file in a real_server
	service, server string  // otherwise names; an empty service is every one
	order           Order
}

// pinSource is one maintenance_file of the configuration.
type pinSource struct {
	path string
	own  subject // zero: it lists servers
}

// pinned is what a server was given by a file.
type pinned struct {
	file  string
	order Order
}

func pinSources(cfg *config.Config, s *services) []pinSource {
	var out []pinSource
	for _, k := range s.order {
		v := s.virtual(k)
		for i := range v.RealServers {
			if r := &v.RealServers[i]; r.Extra().MaintenanceFile != "" {
				out = append(out, pinSource{r.Extras.MaintenanceFile, subject{k, ipvs.DestKey{Addr: r.Addr, Port: r.Port}}})
			}
		}
	}
	if f := cfg.Global.MaintenanceFile; f != "" {
		out = append(out, pinSource{path: f})
	}
	return out
}

// watchPins begins to read the maintenance files of the configuration, and
// takes over what is in them now.
func (l *LVS) watchPins() []ipvs.Event {
	if l.endPins != nil {
		l.endPins()
		l.endPins = nil
	}
	sources := pinSources(l.cfg, l.services)
	if len(sources) == 0 {
		return l.pin(nil, time.Now())
	}
	ctx, cancel := context.WithCancel(l.ctx)
	l.endPins = cancel
	first := make(chan []pin, 1)
	go l.readPins(ctx, sources, first)
	if l.pinsLate {
		return nil // it was waited for once, and hangs
	}
	limit := time.NewTimer(pinWait)
	defer limit.Stop()
	select {
	case list := <-first:
		return l.pin(list, time.Now())
	case <-limit.C:
		l.log.Warn("maintenance files are not read yet", "waited", pinWait)
		l.pinsLate = true
	case <-ctx.Done():
	}
	return nil
}

// readPins reads the files until ctx ends. What is in them goes to first once,
// and then each change to the inbox.
func (l *LVS) readPins(ctx context.Context, sources []pinSource, first chan<- []pin) {
	select {
	case l.pinTurn <- struct{}{}:
		defer func() {
			<-l.pinTurn
			l.inbox.post(func() { l.pinsLate = false })
		}()
	case <-ctx.Done():
		return
	}
	r := pinReader{readOne: l.readPin, complain: func(file string, err error) {
		l.log.Error("maintenance file", "file", file, "err", err)
	}}
	list := r.read(sources)
	first <- list
	// The start may not have waited for it.
	post := func(list []pin) {
		l.inbox.post(func() {
			l.pinsLate = false
			if ctx.Err() == nil {
				l.tell(events(l.pin(list, time.Now()), l.services, nil))
			}
		})
	}
	post(list)
	tick := time.NewTicker(pinEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if next := r.read(sources); !slices.Equal(next, list) {
			list = next
			post(list)
		}
	}
}

// pin makes the orders by files those of list; of several for one server the
// strongest counts, as of those of different sources, and the first of equal
// ones. It returns the events that follow.
func (l *LVS) pin(list []pin, now time.Time) []ipvs.Event {
	want := map[subject]pinned{}
	var order []subject
	var servers map[netip.Addr][]subject
	for _, p := range list {
		if servers == nil && p.own == (subject{}) {
			servers = l.serversByAddr()
		}
		for _, t := range p.targets(servers) {
			former, ok := want[t]
			if !ok {
				order = append(order, t)
			}
			if !ok || p.order.Action > former.order.Action {
				want[t] = pinned{p.file, p.order}
			}
		}
	}
	var gone []subject
	for t := range l.pins {
		if _, ok := want[t]; !ok {
			gone = append(gone, t)
		}
	}
	slices.SortFunc(gone, subject.compare)
	var out []ipvs.Event
	give := func(t subject, o Order, file string) {
		l.log.Info("maintenance", "virtual_server", ServiceName(t.service), "real_server", named(t.server), "order", word(o.at(now)), "file", file)
		l.touch(t.service)
		out = append(out, l.pool.Order(ipvs.ByFile, t.service, t.server, o.at(now), now)...)
	}
	for _, t := range gone {
		file := l.pins[t].file
		delete(l.pins, t)
		give(t, Order{}, file)
	}
	for _, t := range order {
		p := want[t]
		if old, ok := l.pins[t]; ok && old.order == p.order && l.pool.OrderOf(ipvs.ByFile, t.service, t.server).Action == p.order.Action {
			l.pins[t] = p
			continue
		}
		l.pins[t] = p
		give(t, p.order, p.file)
	}
	return out
}

// serversByAddr are the servers of every virtual server, in their order.
func (l *LVS) serversByAddr() map[netip.Addr][]subject {
	out := map[netip.Addr][]subject{}
	for _, k := range l.pool.Services() {
		for _, d := range l.serversOf(k) {
			out[d.Addr] = append(out[d.Addr], subject{k, d})
		}
	}
	return out
}

// targets are the servers that a line or file means: each that its names fit,
// whatever port or protocol they leave out. What fits nothing is not ours, as
// several directors may share a list.
func (p pin) targets(servers map[netip.Addr][]subject) []subject {
	if p.own != (subject{}) {
		return []subject{p.own}
	}
	server, err := parseName(p.server)
	if err != nil {
		return nil
	}
	var service name
	every := p.service == "" || p.service == Every
	if !every {
		if service, err = parseName(p.service); err != nil {
			return nil
		}
	}
	var out []subject
	for _, t := range servers[server.addr] {
		if server.server(t.server) && (every || service.service(t.service)) {
			out = append(out, t)
		}
	}
	return out
}

func (t subject) compare(o subject) int {
	if c := t.service.Compare(o.service); c != 0 {
		return c
	}
	return t.server.Compare(o.server)
}

// pinReader reads maintenance files. One that cannot be read stays as it was.
type pinReader struct {
	readOne  func(pinSource) ([]pin, error)
	complain func(file string, err error)
	last     map[string][]pin
	said     map[string]string
}

func (r *pinReader) read(sources []pinSource) []pin {
	if r.last == nil {
		r.last, r.said = map[string][]pin{}, map[string]string{}
	}
	var out []pin
	for _, s := range sources {
		list, err := r.readOne(s)
		key := fmt.Sprint(s)
		if err != nil && list == nil {
			list = r.last[key]
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != r.said[key] && text != "" {
			r.complain(s.path, err)
		}
		r.said[key], r.last[key] = text, list
		out = append(out, list...)
	}
	return out
}

// read returns what one source says. An error with a list is about parts of it.
func (s pinSource) read() ([]pin, error) {
	st, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return []pin{}, nil
	case err != nil:
		return nil, err
	case s.own != (subject{}):
		order, err := orderIn(s.path)
		return []pin{{file: s.path, own: s.own, order: order}}, err
	case st.IsDir():
		return folderPins(s.path)
	}
	text, err := small(s.path)
	if err != nil {
		return nil, err
	}
	return listPins(s.path, text)
}

// small reads a regular file that is not too long.
func small(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !st.Mode().IsRegular():
		return "", errors.New("it is no regular file")
	case st.Size() > pinFile:
		return "", fmt.Errorf("%d bytes are too long", st.Size())
	}
	b, err := io.ReadAll(io.LimitReader(f, pinFile))
	return string(b), err
}

// orderIn is the order in the file of one server: to be out of service, unless
// it says otherwise. What it says is not understood or cannot be read is taken
// for that too: somebody put it there to have the server out.
func orderIn(path string) (Order, error) {
	out := Order{Action: ipvs.Disable}
	text, err := small(path)
	if err != nil {
		return out, err
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return out, nil
	}
	o, err := ParseOrder(words)
	if err != nil {
		return out, fmt.Errorf("the server is out of service: %w", err)
	}
	return o, nil
}

// folderPins reads a folder with a file for each server, named as the server:
// "198.51.100.7:80" or "198.51.100.7" (ldirectord's maintenancedir).
func folderPins(dir string) ([]pin, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > pinLines {
		return nil, fmt.Errorf("%d entries are too many", len(entries))
	}
	out := []pin{}
	var errs []error
	for _, e := range entries {
		if n, err := parseName(e.Name()); err != nil || !n.addr.IsValid() {
			continue // the name of another thing
		}
		path := filepath.Join(dir, e.Name())
		order, err := orderIn(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since the folder was read
		}
		errs = append(errs, err)
		out = append(out, pin{file: path, server: e.Name(), order: order})
	}
	return out, errors.Join(errs...)
}

// listPins reads lines "[SERVICE] SERVER [ORDER]"; a server alone is out of
// service, # begins a comment.
func listPins(path, text string) ([]pin, error) {
	out := []pin{}
	var errs []error
	number := 0
	for line := range strings.Lines(text) {
		if number++; number > pinLines {
			return nil, fmt.Errorf("more than %d lines", pinLines)
		}
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		p := pin{file: path, server: words[0], order: Order{Action: ipvs.Disable}}
		rest := words[1:]
		if len(rest) > 0 {
			if n, err := parseName(rest[0]); err == nil && n.addr.IsValid() {
				p.service, p.server, rest = words[0], rest[0], rest[1:]
			}
		}
		n, err := parseName(p.server)
		if err == nil && p.service != "" && p.service != Every {
			_, err = parseName(p.service)
		}
		if err == nil && !n.addr.IsValid() {
			err = fmt.Errorf("%q is no name of a real server", p.server)
		}
		if err == nil && len(rest) > 0 {
			if o, oerr := ParseOrder(rest); oerr == nil {
				p.order = o
			} else {
				errs = append(errs, fmt.Errorf("line %d: %s is out of service: %w", number, p.server, oerr))
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}
