// Rows that are longer than what is kept of one.

package scan

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/project"

	"github.com/klauspost/compress/zstd"
)

func TestRowIsKeptUpToTheBound(t *testing.T) {
	t.Parallel()
	unpacker, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unpacker.Close)
	for name, c := range map[string]struct {
		csv                  bool
		start, rest          string // of the file: what is in memory when the row is found to be too long, and what is not
		kept, wantText, next string
		line                 int64 // of what follows
	}{
		"as long as the bound": {false, "0123", "456789\nnext\n", "0123456789", "the row is 10 bytes long: the limit is 64 MiB", "next\n", 8},
		"one byte longer":      {false, "0123", "456789a\nnext\n", "0123456789", "the row is 11 bytes long: the limit is 64 MiB; its first 10 bytes are kept", "next\n", 8},
		"within the start":     {false, "0123456789abc", "def\nnext\n", "0123456789", "the row is 16 bytes long: the limit is 64 MiB; its first 10 bytes are kept", "next\n", 8},
		"many times the bound": {false, "0123456789", strings.Repeat("x", 100000) + "\nnext", "0123456789", "the row is 100010 bytes long: the limit is 64 MiB; its first 10 bytes are kept", "next\n", 8},
		"quoted line ends":     {true, "1,\"2\n", "3\n4\n5\n6\"\nnext\n", "1,\"2\n3\n4\n5", "the row is 13 bytes long: the limit is 64 MiB; its first 10 bytes are kept", "next\n", 12},
		"the end of the file":  {false, "0123456789", "abc", "0123456789", "the row is 13 bytes long: the limit is 64 MiB; its first 10 bytes are kept", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cutter := &cutter{
				name: "f", source: strings.NewReader(c.rest), csv: c.csv, delimiter: ',', size: 4, tempDir: t.TempDir(), maxKept: 10, line: 7, started: true,
			}
			piece, err := cutter.spill([]byte(c.start))
			if err != nil {
				t.Fatal(err)
			}
			packed, err := os.ReadFile(piece.long.RawFile)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := unpacker.DecodeAll(packed, nil)
			if err != nil || string(raw) != c.kept || piece.long.Reason != c.wantText || piece.long.Row != 7 {
				t.Errorf("kept %q of row %d, %v: %s", raw, piece.long.Row, err, piece.long.Reason)
			}
			after, err := cutter.next(nil)
			if c.next == "" {
				if !errors.Is(err, io.EOF) {
					t.Errorf("behind the end: %+v, %v", after, err)
				}
				return
			}
			if err != nil || string(after.text.b[:after.text.end]) != c.next || after.text.line != c.line {
				t.Errorf("then %+v, %v", after.text, err)
			}
		})
	}
}

// A quote that is never closed takes what follows: the row is kept, and the file was not read to its end.
func TestQuoteNeverClosed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"id\n1\n\"2\n3\n4\n":     "row 3: a quote is never closed, so the row takes the rest of the file: 3 lines",
		"id\n1\n\"2\n3\n4":       "row 3: a quote is never closed, so the row takes the rest of the file: 3 lines",
		"id\n1\n\"2\n":           "", // one row like another
		"id\n1\n\"2\n3\"\n":      "",
		"id\n1\n\"2\n3\"":        "",
		"id\n1\n\"2\n\"\"3\n4\n": "row 3: a quote is never closed, so the row takes the rest of the file: 3 lines",
	} {
		plan, err := NewPlan(&project.Stream{
			Name: "s", Format: project.CSVText, CSV: project.CSV{Header: true}, Columns: []project.Column{{Name: "id", Type: column.Type{Kind: column.String}, From: []string{"id"}}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := scanFile(t, writeFile(t, "a.csv", []byte(text)), plan, Options{})
		if want == "" && got.err != nil || want != "" && (got.err == nil || !strings.HasSuffix(got.err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, got.err, want)
		}
		if rows := len(got.rows) + len(got.rejects); rows != 2 {
			t.Errorf("%q: %d rows", text, rows)
		}
	}
	for rest, want := range map[string]bool{"b\nc\n": true, "b": false, "b\n": false, "b\n\"\n": false} {
		cutter := &cutter{name: "f", source: strings.NewReader(rest), csv: true, delimiter: ',', size: 4, tempDir: t.TempDir(), maxKept: 10, line: 7, started: true}
		if _, err := cutter.spill([]byte("\"a")); err != nil {
			t.Fatal(err)
		}
		if _, err := cutter.next(nil); errors.Is(err, io.EOF) == want {
			t.Errorf("a long row that ends in %q: %v", rest, err)
		}
	}
}
