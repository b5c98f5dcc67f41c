// Tests of Parquet objects written from columns.

package column_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/duck"
)

// TestParquetRoundTrip writes columns of every type, with and without nulls, and reads them back through DuckDB.
func TestParquetRoundTrip(t *testing.T) {
	t.Parallel()
	fields := []column.Field{
		{Name: "text", Type: column.Type{Kind: column.String}},
		{Name: "bool", Type: column.Type{Kind: column.Bool}},
		{Name: "int", Type: column.Type{Kind: column.Int}},
		{Name: "bigint", Type: column.Type{Kind: column.BigInt}},
		{Name: "narrow", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}},
		{Name: "wide", Type: column.Type{Kind: column.Decimal, Precision: 38, Scale: 4}},
		{Name: "date", Type: column.Type{Kind: column.Date}},
		{Name: "moment", Type: column.Type{Kind: column.Timestamp}},
		{Name: "list", Type: column.Type{Kind: column.List, Fields: []column.Field{
			{Name: "a", Type: column.Type{Kind: column.Int}}, {Name: "b", Type: column.Type{Kind: column.String}},
		}}},
		{Name: "row", Type: column.Type{Kind: column.BigInt}, Required: true},
	}
	for _, rows := range []int{1, 7, 5000} {
		for _, nulls := range []float64{0, 0.3, 1} {
			want := random(fields, rows, nulls)
			path := filepath.Join(t.TempDir(), "x.parquet")
			write(t, path, fields, want)
			compare(t, path, want, rows)
		}
	}
}

// TestParquetFailure writes to a disk that is full after some writes: every such failure is an error, and none a panic.
func TestParquetFailure(t *testing.T) {
	t.Parallel()
	fields := []column.Field{{Name: "text", Type: column.Type{Kind: column.String}}, {Name: "int", Type: column.Type{Kind: column.Int}}}
	rows := random(fields, 100, 0.1)
	for writes := 0; ; writes++ {
		disk := &fullDisk{writes: writes}
		out, err := column.NewParquetWriter(disk, fields)
		if err == nil {
			err = errors.Join(out.WriteGroup(rows), out.Close())
		}
		if disk.full != (err != nil) {
			t.Fatalf("after %d writes the error is %v", writes, err)
		}
		if !disk.full {
			return
		}
	}
}

// fullDisk accepts some writes.
type fullDisk struct {
	writes int
	full   bool
}

func (d *fullDisk) Write(block []byte) (int, error) {
	if d.writes--; d.writes < 0 {
		d.full = true
		return 0, syscall.ENOSPC
	}
	return len(block), nil
}

func random(fields []column.Field, rows int, nulls float64) []column.Vector {
	r := rand.New(rand.NewPCG(1, uint64(rows)))
	vectors := make([]column.Vector, len(fields))
	for c, f := range fields {
		vectors[c] = column.NewVector(f.Type, rows)
		for i := range rows {
			if !f.Required && r.Float64() < nulls {
				vectors[c].AppendNull()
				continue
			}
			fill(&vectors[c], r, i)
		}
	}
	return vectors
}

func fill(v *column.Vector, r *rand.Rand, i int) {
	switch {
	case v.Type.IsText():
		v.AppendText([]byte("some text, of several lengths"[:r.IntN(30)]))
	case v.Type.Kind == column.List:
		for range r.IntN(3) {
			v.Fields[0].AppendInt(int64(r.IntN(100)))
			if r.IntN(2) == 0 {
				v.Fields[1].AppendNull()
			} else {
				v.Fields[1].AppendText([]byte("element"))
			}
		}
		v.AppendList()
	case v.Type.IsWide():
		v.AppendWide(decimal.NewInt128(r.Int64N(1<<40)-1<<39, r.Uint64()))
	case v.Type.Kind == column.Bool:
		v.AppendInt(int64(r.IntN(2)))
	case v.Type.Kind == column.BigInt && i == 0:
		v.AppendInt(0)
	default:
		v.AppendInt(int64(r.IntN(1 << 20)))
	}
}

func write(t *testing.T, path string, fields []column.Field, rows []column.Vector) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out, err := column.NewParquetWriter(file, fields)
	if err == nil {
		err = out.WriteGroup(rows)
	}
	if err == nil {
		err = out.Close()
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, path string, want []column.Vector, rows int) {
	t.Helper()
	session, err := duck.Open(duck.Options{Threads: 1, Dirs: []string{filepath.Dir(path)}})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	at := 0
	err = session.Query(context.Background(), "SELECT * FROM read_parquet("+duck.Literal(path)+")", func(got []column.Vector) error {
		for i := range got[0].Len() {
			for c := range got {
				if a, b := string(got[c].AppendJSON(nil, i)), string(want[c].AppendJSON(nil, at)); a != b {
					t.Fatalf("row %d column %d: got %s, want %s", at, c, a, b)
				}
			}
			at++
		}
		return nil
	})
	if err != nil || at != rows {
		t.Fatalf("%d rows of %d, %v", at, rows, err)
	}
}
