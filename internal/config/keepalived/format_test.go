package keepalived

import (
	"errors"
	"testing"
)

func TestFormat(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{
			"blocks", "vrrp_instance VI_1{\ninterface   eth0\n\t virtual_ipaddress {\n192.0.2.1/24  dev eth0\n}\n  }\n",
			"vrrp_instance VI_1 {\n    interface eth0\n    virtual_ipaddress {\n        192.0.2.1/24 dev eth0\n    }\n}\n",
		},
		{"in one line", "a {b c;}  d{ e }", "a { b c; } d { e }\n"},
		{"closed and opened", "a {\nb\n} c {\nd\n}\n", "a {\n    b\n} c {\n    d\n}\n"},
		{"brace below", "a\n{\nb\n}\n", "a\n{\n    b\n}\n"},
		{"comments", "   # one\na {   # two\n! three\n}#four", "# one\na { # two\n    ! three\n} #four\n"},
		{"empty lines", "\n\n\na\n\n\n\nb\n\n\n", "a\n\nb\n"},
		{"quotes", "a \"b   c\"   'd   e'  f", "a \"b   c\" 'd   e' f\n"},
		{"parameters", "$A=x   y\n  a ${A}   10.0.${A}.1 {\nb\n}", "$A=x   y\na ${A} 10.0.${A}.1 {\n    b\n}\n"},
		{
			"lines of a definition", "a {\n$M= \\\nb { \\\nc \\\n}\nd\n}\n",
			"a {\n    $M= \\\n        b { \\\n            c \\\n        }\n    d\n}\n",
		},
		{
			"alternatives", "@one a {\n@two b {\nc\n}\nd\n",
			"@one a {\n@two b {\n    c\n}\nd\n",
		},
		{"sequences", "a {\n~SEQ(A,1,2)   b ${A}\n~LST({A, B},{1,2})  c {\nd\n}\n}\n", "a {\n    ~SEQ(A,1,2) b ${A}\n    ~LST({A, B},{1,2}) c {\n        d\n    }\n}\n"},
		{"include", "a {\ninclude d/{1,2}.conf\n}", "a {\n    include d/{1,2}.conf\n}\n"},
		{"crlf and byte order mark", "\xef\xbb\xbfa {\r\nb\r\n}\r\n", "a {\n    b\n}\n"},
		{"too many braces", "}\n}\na {\nb", "}\n}\na {\n    b\n"},
		{"nothing", "\n\n", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Format(tc.text)
			if err != nil || got != tc.want {
				t.Errorf("%v\ngot\n%swant\n%s", err, got, tc.want)
			}
			if again, err := Format(got); err != nil || again != got {
				t.Errorf("a second time (%v) it is\n%s", err, again)
			}
		})
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"a{b}", "@x a {\n@^x b {\n}", "$A= \\\n{\n$A", "~SEQ(A,1,2){", "a \"b", "a \\  b", "${", "include a", "a '  b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := Format(text)
		if errors.Is(err, ErrChanged) {
			t.Skip()
		}
		if again, err := Format(out); err != nil || again != out {
			t.Errorf("%q becomes %q and then %q (%v)", text, out, again, err)
		}
	})
}
