package main

import (
	"fmt"
	"io"
	"strings"
)

// takes says whether an option has an argument.
type takes uint8

const (
	nothing takes = iota
	required
	optional // only in the same word: -tFILE, --config-test=FILE
)

// option is one option of a command line in the manner of getopt_long(3),
// which keepalived's users and their start scripts are used to: short ones may
// stand together and before their argument, long ones may be abbreviated.
type option struct {
	long  string
	short byte // 0: none
	takes takes
	arg   string // its argument's name, for the help
	usage string
	set   func(value string) error // value is empty where none was given
}

// parseOptions hands the options of args to their set functions, in order,
// and returns the other arguments. The first error ends it.
func parseOptions(args []string, opts []option) (rest []string, err error) {
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "--":
			return append(rest, args...), nil
		case strings.HasPrefix(a, "--"):
			args, err = parseLong(a[2:], args, opts)
		case len(a) > 1 && a[0] == '-':
			args, err = parseShort(a[1:], args, opts)
		default:
			rest = append(rest, a)
		}
		if err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func parseLong(word string, args []string, opts []option) ([]string, error) {
	name, value, given := strings.Cut(word, "=")
	o, err := longOption(name, opts)
	if err != nil {
		return nil, err
	}
	switch {
	case given && o.takes == nothing:
		return nil, fmt.Errorf("option --%s takes no argument", o.long)
	case !given && o.takes == required:
		if len(args) == 0 {
			return nil, fmt.Errorf("option --%s requires an argument", o.long)
		}
		value, args = args[0], args[1:]
	}
	if err := o.set(value); err != nil {
		return nil, fmt.Errorf("option --%s: %w", o.long, err)
	}
	return args, nil
}

// longOption finds an option by its name or by the beginning of it that no
// other has.
func longOption(name string, opts []option) (*option, error) {
	var found []*option
	for i := range opts {
		switch o := &opts[i]; {
		case o.long == name:
			return o, nil
		case strings.HasPrefix(o.long, name):
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("unknown option --%s", name)
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, o := range found {
		names[i] = "--" + o.long
	}
	return nil, fmt.Errorf("option --%s may be %s", name, strings.Join(names, " or "))
}

func parseShort(word string, args []string, opts []option) ([]string, error) {
	for len(word) > 0 {
		var o *option
		for i := range opts {
			if opts[i].short == word[0] {
				o = &opts[i]
			}
		}
		if o == nil {
			return nil, fmt.Errorf("unknown option -%c", word[0])
		}
		word = word[1:]
		var value string
		switch {
		case o.takes == nothing:
		case word != "" || o.takes == optional:
			value, word = word, ""
		case len(args) == 0:
			return nil, fmt.Errorf("option -%c requires an argument", o.short)
		default:
			value, args = args[0], args[1:]
		}
		if err := o.set(value); err != nil {
			return nil, fmt.Errorf("option -%c: %w", o.short, err)
		}
	}
	return args, nil
}

// printOptions prints one line an option.
func printOptions(w io.Writer, opts []option) {
	for i := range opts {
		o := &opts[i]
		short := "   "
		if o.short != 0 {
			short = fmt.Sprintf("-%c,", o.short)
		}
		long := "--" + o.long
		switch o.takes {
		case required:
			long += "=" + o.arg
		case optional:
			long += "[=" + o.arg + "]"
		}
		fmt.Fprintf(w, "  %s %-28s %s\n", short, long, o.usage)
	}
}
