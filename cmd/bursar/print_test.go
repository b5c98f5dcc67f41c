// Small parts: numbers, tables, keys, shares of rejected rows.

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/project"

	"github.com/jedib0t/go-pretty/v6/text"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", 100000: "100,000"} {
		if got := formatCount(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	g := newGrid("name", "rows")
	g.add("a\x1b[31m", "1,000")
	g.add("b", noValue)
	g.add(strings.Repeat("x", 200), "7")
	var out bytes.Buffer
	g.print(&out, 0)
	text := out.String()
	for _, want := range []string{"│  rows │", "│ 1,000 │", "│     7 │", `a\x1b[31m`, "xx…"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestWrappedTable: wrapped cells are whole and the table as wide as the terminal, unless that is very narrow.
func TestWrappedTable(t *testing.T) {
	t.Parallel()
	words := strings.TrimSpace(strings.Repeat("word ", 30))
	for _, terminal := range []int{0, 200, 100, 60, 10} {
		g := newGrid("name", "why", "reason").wrap("why").wrap("reason")
		g.add("a\nb", "short", words+"\n"+strings.Repeat("日", 60)+"\x1b[31m")
		var out bytes.Buffer
		g.print(&out, terminal)
		var reason strings.Builder
		for line := range strings.SplitSeq(out.String(), "\n") {
			if n := text.StringWidthWithoutEscSequences(line); terminal >= 60 && n > terminal {
				t.Errorf("on %d columns a line has %d", terminal, n)
			}
			if cells := strings.Split(line, "│"); len(cells) > 3 {
				reason.WriteString(strings.TrimSpace(cells[3]) + " ")
			}
		}
		got := strings.ReplaceAll(reason.String(), " ", "")
		if want := "reason" + strings.ReplaceAll(words, " ", "") + strings.Repeat("日", 60) + `\x1b[31m`; got != want {
			t.Errorf("on %d columns the cell is %s, want %s", terminal, got, want)
		}
		if !strings.Contains(out.String(), `a\nb`) {
			t.Errorf("on %d columns a cell that is not wrapped is broken: %s", terminal, out.String())
		}
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"1%": 0.01, "0.01": 0.01, "100%": 1, "1": 1} {
		if share, err := parseShare(text); err != nil || share != want {
			t.Errorf("%s is %v, %v, want %v", text, share, err, want)
		}
	}
	if zero, err := parseShare("0%"); err != nil || zero <= 0 || zero > 1e-18 {
		t.Errorf("0%% is %v, %v, want less than any share of rows", zero, err)
	}
	for _, text := range []string{"", "%", "2", "-1%", "101%", "NaN", "Inf", "x"} {
		if _, err := parseShare(text); err == nil {
			t.Errorf("%q is taken for a share", text)
		}
	}
}

func TestKeyText(t *testing.T) {
	t.Parallel()
	one, two := &project.Pipeline{Name: "p", Key: []string{"a"}}, &project.Pipeline{Name: "p", Key: []string{"a", "b"}}
	for _, c := range []struct {
		p      *project.Pipeline
		values []string
		want   string // empty is refused
	}{
		{one, []string{"x"}, "x"},
		{one, []string{`["x"]`}, `["x"]`},
		{one, []string{"x", "y"}, ""},
		{two, []string{"x", `y"`}, `["x","y\""]`},
		{two, []string{`["x",1]`}, `["x",1]`},
		{two, []string{"x"}, ""},
		{two, []string{`["x"]`}, ""},
		{two, []string{"x", "y", "z"}, ""},
	} {
		got, err := keyText(c.p, c.values)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q of %v is %s, %v, want %s", c.values, c.p.Key, got, err, c.want)
		}
	}
}

func TestFieldsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var got []string
	for _, f := range fieldsOf(json.RawMessage(`{"z":"1.50","a":null,"m":[{"x":1}],"k":7}`)) {
		got = append(got, f.name+"="+f.text())
	}
	if want := []string{"z=1.50", "a=" + noValue, "m=1 item", "k=7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPosition(t *testing.T) {
	t.Parallel()
	var p readProgress
	for _, c := range [][2]int64{{10, 10}, {100, 100}, {50, 150}, {60, 160}, {5, 165}} {
		if got := p.overall(c[0]); got != c[1] {
			t.Errorf("at(%d) = %d, want %d", c[0], got, c[1])
		}
	}
}

func TestCommandFirst(t *testing.T) {
	t.Parallel()
	root := newCLI(os.Stdout, os.Stderr).root()
	for in, want := range map[string]string{
		"--history get orders k":         "get --history orders k",
		"--as-of 3 get orders k":         "get --as-of 3 orders k",
		"--as-of=3 --json get orders k":  "get --as-of=3 --json orders k",
		"--project d -v status":          "status --project d -v",
		"get orders -- -k":               "get orders -- -k",
		"--json":                         "--json",
		"--json -- get":                  "--json -- get",
		"nothing --json":                 "nothing --json",
		"--limit 3 exceptions --json x":  "exceptions --limit 3 --json x",
		"--retry quarantine --limit 2 x": "quarantine --retry --limit 2 x",
	} {
		if got := strings.Join(commandFirst(root, strings.Fields(in)), " "); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

func TestReplaceFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "out"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	write := func(text string, err error) error {
		return replaceFile(link, func(w io.Writer) error {
			_, _ = w.Write([]byte(text))
			return err
		})
	}
	want := func(text string) {
		t.Helper()
		got, err := os.ReadFile(path)
		entries, _ := os.ReadDir(dir)
		if err != nil || string(got) != text || len(entries) != 2 {
			t.Errorf("the file holds %q (%v), want %q; the folder %v", got, err, text, entries)
		}
	}
	if err := write("half", os.ErrDeadlineExceeded); err == nil {
		t.Error("an unfinished write is no error")
	}
	want("old")
	if err := write("new", nil); err != nil {
		t.Error(err)
	}
	want("new")
}
