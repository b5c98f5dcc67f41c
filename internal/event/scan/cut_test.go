// Rows that are longer than what is kept of one.

package scan

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

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
		csv              bool
		start, rest      string // of the file: what is in memory when the row is found to be too long, and what is not
		kept, says, next string
		line             int64 // of what follows
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
				name: "f", source: strings.NewReader(c.rest), csv: c.csv, delimiter: ',', size: 4, tempDir: t.TempDir(), kept: 10, line: 7, started: true,
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
			if err != nil || string(raw) != c.kept || piece.long.Reason != c.says || piece.long.Row != 7 {
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
