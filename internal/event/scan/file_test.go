// Whole files: blocks in order, compression, damage, huge rows, memory given back.

package scan

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"bursar/internal/column"
	"bursar/internal/project"
)

// writeFile makes a file of a test.
func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scanned is all a file gave, as text.
type scanned struct {
	rows    []string // line: values
	rejects []string // line: column: reason: raw
	extra   int64
	err     error
}

func scanFile(t testing.TB, path string, p *Plan, options Options) (all scanned) {
	t.Helper()
	f, err := openFile(t, path, p, options)
	if err != nil {
		all.err = err
		return all
	}
	for {
		b, err := f.Next(context.Background())
		if err != nil {
			if !errors.Is(err, io.EOF) {
				all.err = err
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			return all
		}
		all.add(b)
		f.Recycle(b)
	}
}

func (s *scanned) add(b *Block) {
	for i, row := range b.Rows {
		out := fmt.Sprintf("%d:", row)
		for c := range b.Columns {
			out += " " + string(b.Columns[c].AppendJSON(nil, i))
		}
		s.rows = append(s.rows, out)
	}
	for _, r := range b.Rejects {
		s.rejects = append(s.rejects, fmt.Sprintf("%d: %s: %s: %s", r.Row, r.Column, r.Reason, r.Raw))
	}
	s.extra += b.Extra
}

// TestBlocks cuts the same files into blocks of many sizes, for several workers, and wants the same rows.
func TestBlocks(t *testing.T) {
	t.Parallel()
	var csv, jsonl strings.Builder
	csv.WriteString("\xef\xbb\xbfid,x,Amount due,note\r\n")
	for i := range 300 {
		fmt.Fprintf(&csv, "%d,\"a,\n\"\"\r\n\",%d.5,%s\n", i, i, []string{"", "5\"", "\"q\"", "long " + strings.Repeat("x", i)}[i%4])
		if i%7 == 0 {
			csv.WriteString("\r\nbad,\"x\"y\n\n")
		}
		fmt.Fprintf(&jsonl, `{"id":"%d","data":{"line":%d,"order":{"id":"%s"}}}`+"\r\n", i, i%11, strings.Repeat("é", i))
		if i%7 == 0 {
			jsonl.WriteString("\n{\"id\":3}\n")
		}
	}
	csv.WriteString("last,,7,\"open")
	for name, c := range map[string]struct {
		plan *Plan
		data string
	}{
		"a.csv": {csvPlan(t, project.CSV{Header: true}), csv.String()}, "a.jsonl": {nested(t), jsonl.String()},
	} {
		path := writeFile(t, name, []byte(c.data))
		want := scanFile(t, path, c.plan, Options{Workers: 1})
		if len(want.rows) != 300 || len(want.rejects) < 43 || want.err != nil {
			t.Fatalf("%s: %d rows, %d rejects, %v", name, len(want.rows), len(want.rejects), want.err)
		}
		for _, size := range []int{1, 7, 64, 100, 1000, 4096} {
			got := scanFile(t, path, c.plan, Options{Workers: 3, BlockBytes: size})
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: blocks of %d bytes give other rows", name, size)
			}
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	data := benchLines(20000)
	plan, err := NewPlan(benchStream(project.JSONL), nil)
	if err != nil {
		t.Fatal(err)
	}
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []io.WriteCloser{w, z} {
		if _, err := out.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, packed := range map[string][]byte{"a.jsonl.gz": gz.Bytes(), "a.jsonl.zst": zst.Bytes()} {
		seen := int64(0)
		got := scanFile(t, writeFile(t, name, packed), plan, Options{Progress: func(n int64) { seen = n }})
		if got.err != nil || len(got.rows) != 20000 || len(got.rejects) != 0 || seen != int64(len(packed)) {
			t.Errorf("%s: %d rows, %d rejects, %d bytes, %v", name, len(got.rows), len(got.rejects), seen, got.err)
		}
		got = scanFile(t, writeFile(t, name, packed[:len(packed)/2]), plan, Options{BlockBytes: 10000})
		var read *ReadError
		if !errors.As(got.err, &read) || !errors.Is(got.err, io.ErrUnexpectedEOF) || !strings.Contains(got.err.Error(), name) {
			t.Errorf("%s truncated: %v", name, got.err)
			continue
		}
		if len(got.rows) == 0 || len(got.rejects) != 0 || read.Row != int64(len(got.rows)+1) {
			t.Errorf("%s truncated: %d rows, %d rejects, error at row %d", name, len(got.rows), len(got.rejects), read.Row)
		}
		got = scanFile(t, writeFile(t, "b"+filepath.Ext(name), []byte("not compressed")), plan, Options{})
		if !errors.As(got.err, &read) || read.Row != 1 {
			t.Errorf("text as %s: %v", name, got.err)
		}
	}
}

// TestEncodings reads one file in several encodings, also compressed; that of the mark goes before the declared one.
func TestEncodings(t *testing.T) {
	t.Parallel()
	utf16 := unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	for name, c := range map[string]struct{ declared, written encoding.Encoding }{
		"windows-1252":                 {charmap.Windows1252, charmap.Windows1252},
		"UTF-16":                       {nil, utf16},
		"UTF-16, declared differently": {charmap.Windows1252, utf16},
		"UTF-8 with its mark":          {charmap.Windows1252, unicode.UTF8BOM},
	} {
		text, err := c.written.NewEncoder().String("sep=;\r\nid;Währung\r\n1;Ärger\r\n2;\"a\r\nß\"\r\n")
		if err != nil {
			t.Fatal(err)
		}
		s := &project.Stream{Name: "s", Format: project.CSVText, CSV: project.CSV{Delimiter: ';', Header: true}, Encoding: c.declared, ID: []string{"id"}}
		s.Columns = []project.Column{{Name: "id"}, {Name: "w", From: []string{"Währung"}}}
		for i := range s.Columns {
			s.Columns[i].Type.Kind = column.String
		}
		plan, err := NewPlan(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, path := range map[string]string{name: writeFile(t, "f.csv", []byte(text)), name + ".gz": writeFile(t, "f.csv.gz", pack(t, ".gz", []byte(text)))} {
			got := scanFile(t, path, plan, Options{})
			if want := `3: "1" "Ärger"; 4: "2" "a\r\nß"`; strings.Join(got.rows, "; ") != want || len(got.rejects) > 0 || got.err != nil {
				t.Errorf("%s: %q, rejected %q, %v", name, got.rows, got.rejects, got.err)
			}
		}
		s.CSV.Delimiter = ','
		if plan, err = NewPlan(s, nil); err != nil {
			t.Fatal(err)
		}
		if got := scanFile(t, writeFile(t, "f.csv", []byte(text)), plan, Options{}); got.err == nil || !strings.Contains(got.err.Error(), "declare `csv: {delimiter: \";\"}`") {
			t.Errorf("%s with another delimiter: %q, %v", name, got.rows, got.err)
		}
	}
}

func TestFilesRefused(t *testing.T) {
	t.Parallel()
	plan := one(t, "int", nil)
	for name, want := range map[string]string{
		"\x1f\x8b\x08": "name it .gz", "PAR1abc": "declare format parquet",
	} {
		if got := scanFile(t, writeFile(t, "f", []byte(name)), plan, Options{}); got.err == nil || !strings.Contains(got.err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, got.err, want)
		}
	}
	if _, err := openFile(t, t.TempDir(), plan, Options{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: %v", err)
	}
	if _, err := openFile(t, filepath.Join(t.TempDir(), "none.jsonl"), plan, Options{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "none.jsonl") {
		t.Errorf("no file: %v", err)
	}
	for _, name := range []string{"e.jsonl", "e.jsonl.gz", "e.jsonl.zst"} {
		for _, data := range []string{"", "\xef\xbb\xbf", "\n\r\n \n"} {
			if data != "" && filepath.Ext(name) != ".jsonl" {
				continue
			}
			if got := scanFile(t, writeFile(t, name, []byte(data)), plan, Options{}); got.err != nil || len(got.rows)+len(got.rejects) > 0 {
				t.Errorf("empty %s %q: %v", name, data, got)
			}
		}
	}
	if got := scanFile(t, writeFile(t, "e.csv", nil), csvPlan(t, project.CSV{Header: true}), Options{}); got.err != nil || got.rows != nil {
		t.Errorf("empty CSV: %v", got)
	}
	bad := writeFile(t, "h.csv", []byte("id;Amount due\n1;2\n"))
	if _, err := openFile(t, bad, csvPlan(t, project.CSV{Header: true}), Options{}); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("wrong header: %v", err)
	}
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	garbage := make([]byte, 3<<20)
	x := uint32(1)
	for i := range garbage {
		x = x*1664525 + 1013904223
		garbage[i] = byte(x >> 24)
	}
	newlines := int64(bytes.Count(garbage, newline))
	for name, plan := range map[string]*Plan{"g.jsonl": one(t, "int", nil), "g.csv": csvPlan(t, project.CSV{})} {
		got := scanFile(t, writeFile(t, name, garbage), plan, Options{})
		if got.err != nil || len(got.rows) != 0 || len(got.rejects) == 0 || name == "g.jsonl" && int64(len(got.rejects)) > newlines+1 {
			t.Errorf("%s: %d rows, %d rejects, %v", name, len(got.rows), len(got.rejects), got.err)
		}
	}
}

// TestTinyRows gives blocks a bounded number of rows.
func TestTinyRows(t *testing.T) {
	t.Parallel()
	rows := 3*maxRows + 10
	plan := one(t, "int", func(c *project.Column) { c.Optional = true })
	f, err := openFile(t, writeFile(t, "t.jsonl", bytes.Repeat([]byte("{}\nx\n"), rows)), plan, Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	accepted, rejected := 0, 0
	for {
		b, err := f.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := len(b.Rows) + len(b.Rejects); n > maxRows {
			t.Fatalf("a block of %d rows", n)
		}
		accepted, rejected = accepted+len(b.Rows), rejected+len(b.Rejects)
		f.Recycle(b)
	}
	if accepted != rows || rejected != rows {
		t.Errorf("%d accepted, %d rejected of %d each", accepted, rejected, rows)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestHugeRows(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 300 MB")
	}
	t.Parallel()
	unpacker, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unpacker.Close()
	huge := strings.Repeat("x", 100<<20)
	for name, c := range map[string]struct {
		plan               *Plan
		before, after, raw string
	}{
		"h.jsonl": {one(t, "string", nil), `{"v":"1"}` + "\n", "\n" + `{"v":"2"}`, `{"v":"` + huge + `"}`},
		"h.csv":   {csvPlan(t, project.CSV{}), "1,2,n,{}\n", "\n2,2,n,{}", `1,2,"` + huge + "\n\"\"\",{}"},
	} {
		dir := t.TempDir()
		f, err := openFile(t, writeFile(t, name, []byte(c.before+c.raw+c.after)), c.plan, Options{Workers: 2, TempDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		var rows []int64
		for {
			b, err := f.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, b.Rows...)
			for _, r := range b.Rejects {
				packed, err := os.ReadFile(r.RawFile)
				if err != nil || len(packed) > len(c.raw)/100 {
					t.Errorf("%s: %d bytes of a row of %d, which repeats one letter: %v", name, len(packed), len(c.raw), err)
				}
				raw, err := unpacker.DecodeAll(packed, nil)
				if err != nil || string(raw) != c.raw || r.Row != 2 || !strings.Contains(r.Reason, "64 MiB") {
					t.Errorf("%s: row %d: %s, %d bytes kept, %v", name, r.Row, r.Reason, len(raw), err)
				}
			}
			f.Recycle(b)
		}
		if want := fmt.Sprint([]int64{1, 3 + int64(strings.Count(c.raw, "\n"))}); fmt.Sprint(rows) != want {
			t.Errorf("%s: rows %v, want %s", name, rows, want)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCloseEarly stops at every block, and wants no goroutine to hang.
func TestCloseEarly(t *testing.T) {
	t.Parallel()
	plan, err := NewPlan(benchStream(project.JSONL), nil)
	if err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, "c.jsonl", benchLines(500))
	for blocks := range 12 {
		f, err := openFile(t, path, plan, Options{Workers: 2, BlockBytes: 10000})
		if err != nil {
			t.Fatal(err)
		}
		for range blocks {
			if _, err := f.Next(context.Background()); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	f, err := openFile(t, path, plan, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Next: %v", err)
	}
}

// openFile opens a file, which is closed with the test, and starts scanning it.
func openFile(t testing.TB, path string, plan *Plan, options Options) (*File, error) {
	t.Helper()
	in, err := OpenInput(path)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = in.Close() }) // it was only read
	return in.Scan(plan, options)
}
