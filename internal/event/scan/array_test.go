// Tests of files that are JSON arrays.

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"bursar/internal/column"
	"bursar/internal/project"
)

// TestArrays reads arrays as lines, however they are laid out. A row is the number of its element.
func TestArrays(t *testing.T) {
	t.Parallel()
	p := one(t, "string", nil)
	for _, c := range []struct{ text, rows, rejected string }{
		{`[{"v":"a"},{"v":"b"}]`, "1:a 2:b", ""},
		{"\ufeff\n [\r\n  {\r\n    \"v\": \"a\"\r\n  },\r\n  {\"v\": \"b\"}\r\n]\r\n", "2:a 3:b", ""},
		{`[{"v":"],[{}\"\\","w":[{},[1,2]],"x":{"y":","}},{"v":"b"}]`, `1:],[{}"\ 2:b`, ""},
		{`[{"v":"a"},5,"x,y",[1,2],{"v":"b"}]`, "1:a 5:b", "2 3 4"},
		{`[{"v":"a"},{"v":1},{"v":"c"}]`, "1:a 3:c", "2"},
		{"[{\"v\":\"a\nb\"},{\"v\":\"c\"}]", "3:c", "1 2"},
		{`[{"v":"a"},{"v":"b"},]`, "1:a 2:b", ""},
		{`[{"v":"a"} {"v":"b"},{"v":"c"}]`, "2:c", "1"},
		{"[]", "", ""},
		{"[{\"v\":\"a\"}]\n[{\"v\":\"b\"},{\"v\":\"c\"}]\n{\"v\":\"[\"}\n{\"v\":\"d\"}\n", "1:a 3:b 4:c 6:[ 7:d", ""},
		{"[1,2]\n{\"v\":\"b\"}\n", "2:b", "1"}, // JSON lines of which the first is malformed
		{"[nothing\n{\"v\":\"b\"}\n", "2:b", "1"},
	} {
		rows, rejected, err := readArray(t, p, c.text)
		if rows != c.rows || rejected != c.rejected || err != nil {
			t.Errorf("%s: rows %q, rejected %q, %v; want %q, %q", c.text, rows, rejected, err, c.rows, c.rejected)
		}
	}
	for _, text := range []string{`[{"v":"a"},{"v":"b"}`, `[{"v":"a"},{"v":"b`, `[{"v":"a"},`, `[{"v":"a"},{"v":"b"},{"v":{"x":[}]`} {
		rows, _, err := readArray(t, p, text)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(rows, "1:a") {
			t.Errorf("%s: rows %q, %v", text, rows, err)
		}
	}
}

// readArray scans a file and lists its accepted and rejected rows.
func readArray(t *testing.T, p *Plan, text string) (rows, rejected string, err error) {
	t.Helper()
	f, err := openFile(t, writeFile(t, "a.json", []byte(text)), p, Options{Workers: 1, BlockBytes: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var accepted, refused []string
	for {
		b, err := f.Next(t.Context())
		if err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return strings.Join(accepted, " "), strings.Join(refused, " "), err
		}
		for i, row := range b.Rows {
			accepted = append(accepted, fmt.Sprintf("%d:%s", row, b.Columns[0].Text(i)))
		}
		for _, r := range b.Rejects {
			refused = append(refused, fmt.Sprint(r.Row))
		}
	}
}

// FuzzArray compares the lines of an array with its elements, however the bytes are delivered.
func FuzzArray(f *testing.F) {
	f.Add("a,\"]\\", "{}", true)
	f.Add("", "\n", false)
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.JSONL, Columns: []project.Column{
		{Name: "v", Type: column.Type{Kind: column.JSON}},
	}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, one, other string, pretty bool) {
		var elements [][]byte
		for _, text := range []string{one, other, one + other} {
			elements = append(elements, fmt.Appendf(nil, `{"v":[%s,{"%s":1}]}`, column.QuoteJSON(strings.ToValidUTF8(text, "")), "k"))
		}
		between := ","
		if pretty {
			between = "\n,\r\n\t"
		}
		file := "[" + string(bytes.Join(elements, []byte(between))) + "]"
		text, err := io.ReadAll(iotest.OneByteReader(ArrayLines(strings.NewReader(file))))
		if err != nil || len(text) != len(file) {
			t.Fatalf("%q becomes %q, %v", file, text, err)
		}
		blocks, err := p.Parse(text, nil, 1)
		if err != nil || len(blocks) != 1 {
			t.Fatalf("%q: %d blocks, %v", text, len(blocks), err)
		}
		want, err := p.Parse(bytes.Join(elements, newline), nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := blocks[0]; len(got.Rows) != len(want[0].Rows) || len(got.Rejects) != len(want[0].Rejects) {
			t.Fatalf("%q: %d rows and %d rejects, want %d and %d", text, len(got.Rows), len(got.Rejects), len(want[0].Rows), len(want[0].Rejects))
		}
	})
}
