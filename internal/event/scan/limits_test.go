// Compressed files that unpack to more than they may: the rows before are read, the error names the file, and nothing stays.

package scan

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// pack compresses in the format of a suffix.
func pack(t *testing.T, suffix string, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	if suffix == ".gz" {
		w := gzip.NewWriter(&packed)
		_, err := w.Write(data)
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return packed.Bytes()
	}
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(data)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// refusedFor expects an error of class Data that names the file and the reason.
func refusedFor(t *testing.T, err error, name, reason string) {
	t.Helper()
	var at *ReadError
	if !errors.As(err, &at) || failure.Of(err) != failure.Data || !strings.Contains(at.File, name) || !strings.Contains(err.Error(), reason) {
		t.Errorf("%s: %v [%v], want class data, the file's name and %q", name, err, failure.Of(err), reason)
	}
}

// limitedPlan reads an id and an amount.
func limitedPlan(t *testing.T, format string) *Plan {
	t.Helper()
	s := &project.Stream{Name: "sales", Format: project.Format(format), Columns: []project.Column{
		{Name: "id", Type: column.Type{Kind: column.String}},
		{Name: "amount", Type: column.Type{Kind: column.BigInt}},
	}}
	s.CSV = project.CSV{Delimiter: ',', Header: true}
	plan, err := NewPlan(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestTextUnpacksToItsLimit(t *testing.T) {
	t.Parallel()
	const rows = 5000
	json, csv := strings.Repeat("{\"id\":\"1\",\"amount\":1}\n", rows), "id,amount\n"+strings.Repeat("1,1\n", rows)
	ends := strings.Repeat("\n", 1<<20) // lines without anything count as well
	for _, suffix := range []string{".gz", ".zst"} {
		for name, text := range map[string]string{"a.jsonl": json, "a.csv": csv, "b.jsonl": ends, "b.csv": "id,amount\n" + ends} {
			plan := limitedPlan(t, filepath.Ext(name)[1:])
			path := writeFile(t, name+suffix, pack(t, suffix, []byte(text)))
			options := Options{Workers: 2, BlockBytes: 1 << 12, TempDir: t.TempDir(), Limits: Limits{Unpacked: int64(len(text))}}
			whole := scanFile(t, path, plan, options)
			if whole.err != nil {
				t.Errorf("%s within its limit: %v", name+suffix, whole.err)
			}
			options.Limits.Unpacked--
			got := scanFile(t, path, plan, options)
			refusedFor(t, got.err, name+suffix, "it unpacks to more than")
			if missing := len(whole.rows) - len(got.rows); missing > len(whole.rows)/2 {
				t.Errorf("%s: %d of %d rows are not read", name+suffix, missing, len(whole.rows))
			}
		}
	}
	plain := writeFile(t, "plain.jsonl", []byte(json))
	if got := scanFile(t, plain, limitedPlan(t, "jsonl"), Options{Limits: Limits{Unpacked: 10}}); got.err != nil || len(got.rows) != rows {
		t.Errorf("a file that is not compressed: %d rows, %v", len(got.rows), got.err)
	}
}

func TestParquetUnpacksToItsLimit(t *testing.T) {
	t.Parallel()
	text := append([]byte("PAR1"), make([]byte, 1<<20)...)
	for _, suffix := range []string{".gz", ".zst"} {
		path := writeFile(t, "a.parquet"+suffix, pack(t, suffix, text))
		for reason, limits := range map[string]Limits{
			"it unpacks to more than 1 MiB": {Unpacked: 1 << 20},
			"free some space":               {Unpacked: 1 << 30, Free: 1 << 62},
		} {
			dir := t.TempDir()
			_, err := openFile(t, path, limitedPlan(t, "parquet"), Options{TempDir: dir, Limits: limits})
			refusedFor(t, err, "a.parquet"+suffix, reason)
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%v stays in scratch, %v", left, err)
			}
		}
	}
}
