package track

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxCommand bounds how much of a command line is compared.
const maxCommand = 64 << 10

// procfs reads what there is to know of processes from /proc.
type procfs struct{ root string }

// read returns the name and, if asked for, the command line of a process; ok
// is false when it has ended.
func (p procfs) read(pid int, wantArgs bool) (comm string, args []string, ok bool) {
	dir := p.root + "/" + strconv.Itoa(pid)
	stat, err := readBounded(dir+"/stat", 1024)
	if err != nil {
		return "", nil, false
	}
	// pid (comm) state …: the name may hold anything, brackets included.
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return "", nil, false
	}
	if rest := stat[end+1:]; len(rest) >= 2 && (rest[1] == 'Z' || rest[1] == 'X') {
		return "", nil, false
	}
	comm = string(stat[open+1 : end])
	if !wantArgs {
		return comm, nil, true
	}
	line, err := readBounded(dir+"/cmdline", maxCommand)
	if err != nil {
		return "", nil, false
	}
	if len(line) > 0 {
		args = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	}
	return comm, args, true
}

// pids lists the processes that there are.
func (p procfs) pids() ([]int, error) {
	f, err := os.Open(p.root)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, n := range names {
		if n[0] < '1' || n[0] > '9' {
			continue
		}
		if pid, err := strconv.Atoi(n); err == nil {
			out = append(out, pid)
		}
	}
	return out, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
