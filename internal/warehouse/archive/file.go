// Rows as objects: compressed Parquet files, which are read back before anything depends on them.

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zeebo/xxh3"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/object"
	"bursar/internal/warehouse"
)

// Folder has the objects of all archives, in a folder for each tier.
const Folder = "warehouse-archive/"

// WarmFolder has the objects that views read.
const WarmFolder = Folder + string(Warm) + "/"

// levels are how much Zstandard compresses. Levels above 12 take ten to sixty times as long, and save a few percent.
var levels = map[Tier]int{Warm: 3, Cold: 12}

// encode writes rows into a file as an object of a tier has them.
func (a *Archiver) encode(ctx context.Context, dir string, columns []column.Field, rows warehouse.Rows, to Tier) (path string, err error) {
	plain, path := filepath.Join(dir, "rows.parquet"), filepath.Join(dir, "object.parquet")
	if n, err := warehouse.WriteParquet(ctx, plain, columns, rows); err != nil || n == 0 {
		return "", err
	}
	session, err := a.session()
	if err != nil {
		return "", err
	}
	defer session.Close()
	err = session.Exec(ctx, fmt.Sprintf("COPY (FROM read_parquet(%s)) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL %d)", duck.Literal(plain), duck.Literal(path), levels[to]))
	if err == nil {
		err = os.Remove(plain)
	}
	return path, err
}

// upload makes an object of a file.
func (a *Archiver) upload(ctx context.Context, path, name string) (d object.Description, err error) {
	file, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer file.Close()
	out, err := object.CreateDescribed(ctx, a.Objects, name)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, out.Abort()) }()
	if _, err := io.Copy(out, file); err != nil {
		return d, err
	}
	err = out.Commit()
	return out.Description, err
}

// download writes an object into a file, and checks that it has the bytes that were written.
func download(ctx context.Context, store object.Store, d object.Description, path string) error {
	in, err := store.OpenSized(ctx, d.Name, d.Bytes)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	hash := xxh3.New()
	_, err = io.Copy(io.MultiWriter(out, hash), io.NewSectionReader(in, 0, in.Size()))
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("read object %s: %w", d.Name, err)
	}
	s := hash.Sum128()
	if got := (column.Digest{Hi: s.Hi, Lo: s.Lo}).String(); got != d.Digest {
		return fmt.Errorf("read object %s: %w: digest %s, not %s", d.Name, object.ErrDamaged, got, d.Digest)
	}
	return ctx.Err()
}

// fileRows reads the rows of a file.
func (a *Archiver) fileRows(ctx context.Context, path string, columns []column.Field) warehouse.Rows {
	return warehouse.RowsOf(func(each func([]column.Vector) error) error {
		session, err := a.session()
		if err != nil {
			return err
		}
		defer session.Close()
		return session.Query(ctx, "FROM read_parquet("+duck.Literal(path)+")", func(rows []column.Vector) error {
			if len(rows) != len(columns) {
				return fmt.Errorf("%w: it has %d columns, not %d", object.ErrDamaged, len(rows), len(columns))
			}
			column.Declare(rows, columns)
			return each(rows)
		})
	})
}

// readBack reads the object of a part from the store, and compares its rows with the journal. The file stays.
func (a *Archiver) readBack(ctx context.Context, p *Part, path string) error {
	if err := download(ctx, a.Objects, p.Object, path); err != nil {
		return err
	}
	totals := make([]Total, len(p.Totals))
	for i := range p.Totals {
		totals[i] = p.Totals[i].Total
	}
	c, err := newCounter(p.columns, totals, "")
	if err != nil {
		return err
	}
	if err := drain(c.counted(a.fileRows(ctx, path, p.columns))); err != nil {
		return fmt.Errorf("read object %s: %w", p.Object.Name, err)
	}
	got, err := c.summary()
	if err == nil && !p.equals(got) {
		err = &UnbalancedError{Table: p.Table, Period: p.Period, What: "object " + p.Object.Name, Want: p.Summary, Got: got}
	}
	return err
}

// padded gives rows the columns of a table now: those that were added since are null.
func padded(rows warehouse.Rows, has, columns []column.Field) warehouse.Rows {
	at := map[string]int{}
	for i, c := range has {
		at[c.Name] = i
	}
	return func(yield func([]column.Vector, error) bool) {
		for vectors, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			out := make([]column.Vector, len(columns))
			for i, c := range columns {
				if from, ok := at[c.Name]; ok {
					out[i] = vectors[from]
					continue
				}
				out[i] = column.NewVector(c.Type, vectors[0].Len())
				for range vectors[0].Len() {
					out[i].AppendNull()
				}
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}
