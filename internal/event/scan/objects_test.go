// Tests of JSON objects as rows: alone, one after another, in lists, and in lists inside objects.

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"bursar/internal/column"
	"bursar/internal/project"
)

// loadPlan returns the plan of a load with the columns.
func loadPlan(t testing.TB, format project.Format, array []string, rest string, columns ...project.Column) *Plan {
	t.Helper()
	s := &project.Stream{Name: "s", Format: format, CSV: project.CSV{Header: true}, Columns: columns}
	if format == project.JSONObjects {
		s.Format = project.JSONL
	}
	p, err := NewLoadPlan(&project.Load{Name: "s", Format: format, Array: array, Rest: rest, Rows: s})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func stringColumn(name string, from ...string) project.Column {
	return project.Column{Name: name, From: from, Type: column.Type{Kind: column.String}, Optional: true}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	p := loadPlan(t, project.JSONObjects, nil, "", project.Column{Name: "v", Type: column.Type{Kind: column.String}})
	for _, c := range []struct{ text, rows, rejected string }{
		{`{"v":"a"}`, "1:a", ""},
		{"{\n  \"v\": \"a\",\n  \"w\": {\n \"x\": [1,\n2]}\n}\n", "1:a", ""},
		{"{\n\"v\": \"a\"\n}\n\n{\r\n\"v\": \"b\"\r\n}", "1:a 3:b", ""},
		{`{"v":"a"}{"v":"b"} {"v":"c"}` + "\n" + `{"v":"d"}`, "1:a 2:b 3:c 4:d", ""},
		{"{\"v\":\"a\"}\n{\"v\":\"b\"}\n", "1:a 2:b", ""},
		{"\ufeff[\n {\"v\":\n\"a\"},\n {\"v\":\"b\"}\n]\n", "1:a 2:b", ""},
		{`[{"v":"],[{}\"\\"},{"v":"b"}]`, `1:],[{}"\ 2:b`, ""},
		{`[{"v":"a"},5,"x,y",[1,2],{"v":"b"}]`, "1:a 5:b", "2 3 4"},
		{`[{"v":"a"} {"v":"b"}]`, "1:a 2:b", ""},
		{"[{\"v\":\"a\nb\"},{\"v\":\"c\"}]", "3:c", "1 2"},
		{"[]\n[]", "", ""},
		{"", "", ""},
		// broken rows end with their line, or before the next object
		{"{\"v\":\"a\"\n{\"v\":\"b\"}\n{\"v\":\"c\"}\n", "2:b 3:c", "1"},
		{"{\"v\":\"a\n{\"v\":\"b\"}\n", "2:b", "1"},
		{"{\"v\":\"a\",\n{\"v\":\"b\"}\n", "2:b", "1"},
		{"{\"v\":[\"a\"\n{\"v\":\"b\"}\n", "2:b", "1"},
		{"{\"v\":\"a\"}}\n{\"v\":\"b\"}\n", "2:b", "1"},
		{"{\"v\":\"a\\\n{\"v\":\"b\"}\n", "2:b", "1"},
		{"nothing\n12\n{\"v\":\"b\"}", "3:b", "1 2"},
		{"{\"v\":\"a\"}\n{\"v\":\"b", "1:a", "2"},
		{"{\"v\":\"a\"}\n{\"w\":{", "1:a", "2"},
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

func TestElements(t *testing.T) {
	t.Parallel()
	p := loadPlan(t, project.JSONObjects, []string{"data", "items"}, "", project.Column{Name: "v", Type: column.Type{Kind: column.String}})
	for _, c := range []struct{ text, rows, rejected string }{
		{`{"data":{"items":[{"v":"a"},{"v":"b"}]}}`, "1:a 2:b", ""},
		{"{\"n\": {\"items\": [1]}, \"data\": {\"x\": [{\"items\":[2]}],\n\"items\": [\n{\"v\":\n\"a\", \"w\": [1,{}]},\n{\"v\":\"],}\\\"\"}\n], \"y\": [3]}, \"items\": [4]}", "1:a 2:],}\"", ""},
		{`{"data":{"items":[{"v":"a"}]}}` + "\n" + `{"data":{"items":[{"v":"b"}]}}`, "1:a 2:b", ""},
		{`{"data":{"items":[1,{"v":"a"},{"v":2}]}}`, "2:a", "1 3"},
		{`{"data":{"items":[]}}`, "", ""},
		{`{"data":"items","x":"data","data":{"items":{"items":[1]},"items":[{"v":"a"}]}}`, "1:a", ""},
		{"", "", ""},
	} {
		rows, rejected, err := readArray(t, p, c.text)
		if rows != c.rows || rejected != c.rejected || err != nil {
			t.Errorf("%s: rows %q, rejected %q, %v; want %q, %q", c.text, rows, rejected, err, c.rows, c.rejected)
		}
	}
	for text, want := range map[string]string{
		`{"data":{"items":[{"v":"a"}`:    "missing",
		`{"data":{"items":[{"v":"a"}]`:   "missing",
		`{"data":{"items":{"v":"a"}}}`:   "there is no list at data.items",
		`{"items":[{"v":"a"}],"data":1}`: "there is no list at data.items",
		`[{"data":{"items":[]}}]`:        "there is no list at data.items",
	} {
		if _, _, err := readArray(t, p, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// FuzzObjects writes the same objects as lines, pretty, one after another, as a list, and as a list inside an object: the rows are the same,
// however the bytes are delivered.
func FuzzObjects(f *testing.F) {
	f.Add("a,\"]\\", "{}", uint8(3))
	f.Add("", "\n", uint8(0))
	columns := project.Column{Name: "v", Type: column.Type{Kind: column.JSON}}
	f.Fuzz(func(t *testing.T, one, other string, layout uint8) {
		var lines [][]byte
		for _, text := range []string{one, other, one + other} {
			lines = append(lines, fmt.Appendf(nil, `{"v":[%s,{"%s":1},{},[]],"w":{}}`, column.QuoteJSON(strings.ToValidUTF8(text, "")), "k"))
		}
		want := bytes.Join(lines, newline)
		objects := slices.Clone(lines)
		if layout&1 != 0 {
			for i := range objects {
				objects[i] = bytes.ReplaceAll(objects[i], []byte(`,{"k":1}`), []byte(" ,\r\n\t{\n\"k\"\n:\n1\n}\n"))
				objects[i] = bytes.ReplaceAll(objects[i], []byte(`,"w":{}}`), []byte("\n,\"w\":{\n}\n}"))
			}
		}
		var array []string
		file, read := bytes.Join(objects, nil), ObjectLines
		switch layout >> 1 & 3 {
		case 1:
			file = bytes.Join(objects, []byte("\n"))
		case 2:
			file = fmt.Appendf(nil, "[%s]", bytes.Join(objects, []byte(",")))
		case 3:
			array = []string{"a", "b"}
			file = fmt.Appendf(nil, `{"b":[7],"a":{"c":[{"b":[8]}],"b":[%s]},"x":[]}`, bytes.Join(objects, []byte(" ,\n")))
			read = func(file io.Reader) io.Reader { return ElementLines(file, array) }
		}
		text, err := io.ReadAll(read(iotest.OneByteReader(bytes.NewReader(file))))
		if err != nil {
			t.Fatalf("%q: %v", file, err)
		}
		whole, err := io.ReadAll(read(bytes.NewReader(file)))
		if err != nil || !bytes.Equal(text, whole) {
			t.Fatalf("%q becomes %q in bytes, and %q (%v)", file, text, whole, err)
		}
		p := loadPlan(t, project.JSONObjects, array, "", columns)
		got, expected := parsed(t, p, text), parsed(t, p, want)
		if got != expected {
			t.Fatalf("%q becomes %q:\n%s\nwant\n%s", file, text, got, expected)
		}
	})
}

// parsed renders the rows of lines.
func parsed(t *testing.T, p *Plan, lines []byte) string {
	t.Helper()
	blocks, err := p.Parse(lines, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, b := range blocks {
		for i, row := range b.Rows {
			fmt.Fprintf(&all, "%d %s\n", row, b.Columns[0].Text(i))
		}
		for _, r := range b.Rejects {
			fmt.Fprintf(&all, "%d rejected\n", r.Row)
		}
	}
	return all.String()
}

// FuzzAnyObjects converts any bytes: no row is made of two lines that are objects by themselves.
func FuzzAnyObjects(f *testing.F) {
	f.Add([]byte("{\"v\":\"a\n[{]}\",:{"))
	f.Fuzz(func(t *testing.T, garbage []byte) {
		garbage = bytes.ReplaceAll(garbage, []byte("["), []byte("{")) // a list may contain the lines
		garbage = append(garbage, []byte("\n\"x\"\n{\"v\":1}\n{\"v\":2}\n")...)
		text, err := io.ReadAll(ObjectLines(bytes.NewReader(garbage)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(text, []byte("\n{\"v\":2}\n")) {
			t.Fatalf("%q becomes %q", garbage, text)
		}
		if _, err := io.ReadAll(ElementLines(bytes.NewReader(garbage), []string{"v"})); err != nil && errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}
