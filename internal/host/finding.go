package host

// Severity says how bad a finding is; the numbers are exit codes.
type Severity int

// The severities.
const (
	Info    Severity = iota
	Warning          // works, but not as well or as long as it seems to
	Error            // does not work
)

// String is info, warning or error.
func (s Severity) String() string { return [...]string{"info", "warning", "error"}[s] }

// MarshalText writes it for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is what a rule found on a host.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	What     string   `json:"what"` // one line
	Why      string   `json:"why"`  // what comes of it
	// Mend are commands for a root shell that mend it, one after another; none
	// where that is to be done on another host.
	Mend []string `json:"mend"`
}

// SetCommand is the command that sets a setting.
func SetCommand(path, value string) string { return "sysctl -w " + path + "=" + value }
