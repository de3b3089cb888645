package keepalived

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The wanted trees are what keepalived 2.2.7 read: it names every keyword that
// it does not know.
func TestExpand(t *testing.T) {
	bad := []string{"bad-sequence"}
	tests := []struct {
		name, text, tree string
		ids              []string
	}{
		{"up", "~SEQ(A, 1, 3) a_$A x_${A}", "a_1 x_1; a_2 x_2; a_3 x_3", nil},
		{"from one", "~SEQ(A, 3) a_${A}", "a_1; a_2; a_3", nil},
		{"from minus one", "~SEQ(A, -2) a_${A}", "a_-1; a_-2", nil},
		{"down to nothing", "~SEQ(A, 0) a_${A}", "a_1; a_0", nil},
		{"down", "~SEQ(A, 3, 1) a_${A}", "a_3; a_2; a_1", nil},
		{"only one", "~SEQ(A, 3, 3) a_${A}", "a_3", nil},
		{"step", "~SEQ(A, 1, 2, 6) a_${A}", "a_1; a_3; a_5", nil},
		{"step down", "~SEQ(A, 5, -2, 1) a_${A}", "a_5; a_3; a_1", nil},
		{"octal", "~SEQ(A, 010, 012) a_${A}", "a_8; a_9; a_10", nil},
		{"hexadecimal", "~SEQx(A, 0x90, 0x10, 0xb0) a_${A}", "a_90; a_a0; a_b0", nil},
		{"the variable stays", "~SEQ(A, 1, 2) a_${A}\nb_${A}", "a_1; a_2; b_2", nil},
		{"blanks", "  ~SEQ (A,1,2)a_${A}", "a_1; a_2", nil},
		{"chained", "~SEQ(X,1,2) ~SEQ(Y,1,2) m_${X}_${Y}", "m_1_1; m_1_2; m_2_1; m_2_2", nil},
		{"limits from a parameter", "$N=2\n~SEQ(A,1,$N) a_${A}", "a_1; a_2", nil},
		{"definitions", "~SEQ(A,1,2) $K=v${A}\nk_${K}", "k_v2", nil},
		{"condition before", "@one ~SEQ(A,1,2) a_${A}\n@two ~SEQ(A,1,2) b_${A}", "a_1; a_2", nil},
		{"condition behind", "~SEQ(A,1,2) @one a_${A}\n~SEQ(A,1,2) @two b_${A}", "a_1; a_2", nil},
		{"include", "~SEQ(A,1,2) include f${A}", "f_1; f_2", nil},
		{"blocks", "~SEQ(A,1,2) a_${A} { b }", "a_1{b}; a_2{b}", nil},
		{"nothing to repeat", "~SEQ(A,1,2)\nb", "b", nil},
		{"away from the end", "~SEQ(A,1,-1,3) a", "", bad},
		{"up where it goes down", "~SEQ(A,5,1,1) a", "", bad},
		{"step of nothing", "~SEQ(A,1,0,3) a", "", bad},
		{"no end", "~SEQ(A) a", "", bad},
		{"too many numbers", "~SEQ(A,1,2,3,4) a", "", bad},
		{"no number", "~SEQ(A,b,2) a", "", bad},
		{"no name", "~SEQ(1A,2) a", "", bad},
		{"no parenthesis", "~SEQ A,2) a", "", bad},
		{"not closed", "~SEQ(A,2 a", "", bad},
		{"hexadecimal below zero", "~SEQx(A,-2,-1) a", "", bad},

		{"list", "~LST(A, a, b) l_${A} x", "l_a x; l_b x", nil},
		{"gaps in a list", "~LST(A, a,,b,) l_${A}", "l_a; l_; l_b; l_", nil},
		{"tuples", "~LST({I, J}, {1,2},{3},{5,6}) l_${I}_${J}", "l_1_2; l_3_; l_5_6", nil},
		{
			"list and sequence", "~LST({M,   N},  {10,1},{20,4})  ~SEQ(O,168,2,170) 192.${O}.${M}.${N}",
			"192.168.10.1; 192.170.10.1; 192.168.20.4; 192.170.20.4", nil,
		},
		{"tuple too long", "~LST({K, L}, {1,2},{3,4,5}) a", "", bad},
		{"blank in a value", "~LST(A, a, b c) a", "", bad},
		{"quotes in a value", `~LST(A, "a", b) a`, "", bad},
		{"no value", "~LST(A) a", "", bad},
		{"tuple not closed", "~LST({A,B}, {1,2) a", "", bad},
		{"no comma", "~LST({A},{1}{2}) a", "", bad},

		{"a definition that defines", "$D=$E=5\n$D\na_${E}", "a_5", nil},
		{"a condition in a parameter", "$IF=@one\n$IF a\n$NOT=@^one\n$NOT b", "a", nil},
		{"a sequence in a parameter", "$S=~SEQ(A,1,2) s_${A}\n$S", "s_1; s_2", nil},
		{"an include in a parameter", "$I=include f1\n$I", "f_1", nil},
		{
			"several lines, with definitions and conditions of their own",
			"$M= \\\n a_${N} { \\\n @one b \\\n @two c \\\n $K=5 \\\n d_${K} \\\n }\n$N=3\n$M\nx $M\n",
			"a_3{b; d_5}; x a_3{b; d_5}", nil,
		},
		{
			"several lines within several lines",
			"$RS= \\\nr_${V}_${R} { \\\nw \\\n}\n$VS= \\\nv_${V} { \\\n$R=1 \\\n$RS \\\n$R=2 \\\n$RS \\\n}\n~SEQ(V,1,2) $VS",
			"v_1{r_1_1{w}; r_1_2{w}}; v_2{r_2_1{w}; r_2_2{w}}", nil,
		},
		{"an empty line ends a definition", "$W=a \\\n\nb\nx $W", "b; x a", nil},
		{"a backslash in a comment goes on", "$W=a # \\\nb\nx $W", "x a; b", nil},
		{"nothing may follow several lines", "$M=p \\\nq\n$M {\n}\nx $M y", "$M{}; x $M y", []string{"expansion", "expansion"}},
		{"a comment ends a value", "$T=t1 # c\n$T", "t1", nil},
		{"redefined", "$Q=1\n$P=$Q\n$Q=2\na_${P} a$P a_$P,b (a $P)", "a_2 a2 a_2,b (a 2)", nil},
		{"not a reference", "$Q=1\na $Q.x", "a $Q.x", []string{"unreplaced"}},
		{"in quotes", "$Q=1\na \"$Q\" \"x ${Q}\"", `a "$Q" "x 1"`, []string{"unreplaced"}},
		{"nothing as a value", "$G=\ng_${G}_", "g__", nil},
		{"no definition", "$ Q=3\n$9=3", "$ Q=3; $9=3", nil},

		{"environment", "a ${_ENV NAME} x_${_ENV  NAME}y z_${_ENV NONE}", "a value x_valuey z_", []string{"newer-keyword", "newer-keyword", "newer-keyword"}},
		{"environment of nothing", "a ${_ENV}", "a ${_ENV}", nil},
		{"comments by parameters", "h_${_HASH}x\ni ${_BANG}y\nj \"${_HASH}k\"", `h_; i; j "#k"`, nil},
		{"random", "a ${_RANDOM 5 5}", "a 5", nil},
		{"random upside down", "a ${_RANDOM 7 5}", "a 7", []string{"bad-random"}},
		{"random nonsense", "a x${_RANDOM b}", "a x${_RANDOM b}", []string{"bad-random"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			root, _, diags := Read("k", Options{
				Source: files{"k": tc.text, "f1": "f_1", "f2": "f_2"}, ConfigID: "one",
				Env: func(name string) string { return map[string]string{"NAME": "value"}[name] },
			})
			if got := dump(root); got != tc.tree {
				t.Errorf("tree %s, want %s", got, tc.tree)
			}
			if got := ids(diags); !slices.Equal(got, tc.ids) {
				t.Errorf("findings %v, want %v", diags, tc.ids)
			}
		})
	}
}

// TestRandom makes sure that random_seed makes the numbers the same every time.
func TestRandom(t *testing.T) {
	const numbers = "a ${_RANDOM} ${_RANDOM 100000 900000} ${_RANDOM 3}\n"
	read := func(text string) string {
		root, _, _ := Read("k", Options{Source: files{"k": text}})
		return dump(root)
	}
	seeded := "global_defs {\nrandom_seed 7\n}\n" + numbers
	if a, b := read(seeded), read(seeded); a != b {
		t.Errorf("%s and then %s", a, b)
	}
	if a := read(numbers); !regexp.MustCompile(`^a \d{1,5} [1-9]\d{5} \d{1,5}$`).MatchString(a) {
		t.Error(a)
	}
	differ := map[string]bool{}
	for range 5 {
		differ[read(strings.Repeat(numbers, 4))] = true
	}
	if len(differ) < 2 {
		t.Error("without a seed the numbers are the same every time")
	}
}

// A backslash at the end of a comment is only reported, or belongs to the words
// as in keepalived 2.2.7.
func TestCommentBackslash(t *testing.T) {
	text := "a b # c \\\n# d \\\ne { # f\\\n} # \\ \n# g \\\\\n@two h # \\\n@one i # \\\ninclude f1 # \\\nincludew f1 # \\\ninclude # \\\nj"
	said := []string{"comment-backslash"}
	for _, tc := range []struct {
		theirs bool
		tree   string
		ids    []string
	}{
		{false, "a b; e{}; i; f_1; f_1; j", slices.Concat(slices.Repeat(said, 7), []string{"missing-parameter"})},
		{true, `a b\; \; e{\}; i\; include\; j`, slices.Concat(slices.Repeat(said, 6), []string{"no-file"}, said)},
	} {
		root, _, diags := Read("k", Options{Source: files{"k": text, "f1": "f_1"}, ConfigID: "one", Backslashes: tc.theirs})
		if got := dump(root); got != tc.tree {
			t.Errorf("tree %s, want %s", got, tc.tree)
		}
		if got := ids(diags); !slices.Equal(got, tc.ids) {
			t.Errorf("findings %v, want %v", diags, tc.ids)
		}
	}
}
