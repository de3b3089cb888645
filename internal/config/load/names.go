package load

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Where iproute2 keeps its names: the administrator's come first.
var (
	etcDirs = []string{"/etc/iproute2"}
	usrDirs = []string{"/usr/share/iproute2", "/usr/lib/iproute2"}
)

// tableDirs are the folders to look into; etc and usr stand for the usual ones
// where they are given.
func tableDirs(etc, usr string) []string {
	first, then := etcDirs, usrDirs
	if etc != "" {
		first = []string{etc}
	}
	if usr != "" {
		then = []string{usr}
	}
	return slices.Concat(first, then)
}

// maxNames bounds a table of names in bytes.
const maxNames = 1 << 20

// numbers returns a lookup in iproute2's tables and in /etc/protocols that
// reads each of them once.
func numbers() func(etc, usr, table, name string) (int, bool) {
	var mu sync.Mutex
	read := map[[3]string]map[string]int{}
	return func(etc, usr, table, name string) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		key := [3]string{etc, usr, table}
		t, ok := read[key]
		if !ok {
			t = map[string]int{}
			if table == "protocols" {
				readProtocols("/etc/protocols", t)
			} else {
				for _, dir := range tableDirs(etc, usr) {
					readNames(filepath.Join(dir, table), t)
					more, _ := filepath.Glob(filepath.Join(dir, table+".d", "*.conf"))
					for _, m := range more {
						readNames(m, t)
					}
				}
			}
			read[key] = t
		}
		v, ok := t[name]
		return v, ok
	}
}

// eachLine calls f with the words of every line up to a comment.
func eachLine(path string, f func(words []string)) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > maxNames {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if words := strings.Fields(text); len(words) >= 2 {
			f(words)
		}
	}
}

// readNames reads "NUMBER NAME" lines; a name that is known already stays.
func readNames(path string, to map[string]int) {
	eachLine(path, func(words []string) {
		v, err := strconv.ParseUint(words[0], 0, 32)
		if _, taken := to[words[1]]; err == nil && !taken {
			to[words[1]] = int(v)
		}
	})
}

// readProtocols reads the lines of protocols(5): "NAME NUMBER ALIAS…".
func readProtocols(path string, to map[string]int) {
	eachLine(path, func(words []string) {
		v, err := strconv.ParseUint(words[1], 10, 8)
		if err != nil {
			return
		}
		for i, name := range words {
			if i != 1 {
				to[name] = int(v)
			}
		}
	})
}
