// Index: the open tables of a stream.

package dedupe

import (
	"context"
	"errors"

	"bursar/internal/object"
)

// Index looks up ids in the tables it is opened with. It and its batch are for one goroutine at a time. Only one batch may be open: two batches that do not
// know of each other could both find an id new (rule 1).
type Index struct {
	store   object.Local
	scratch string
	tables  []openedTable
	batch   *Batch
}

type openedTable struct {
	info  TableInfo
	table *table
}

// Open opens the tables that the catalog lists for a stream, in any order. scratch is a folder for temporary files. A missing table is fs.ErrNotExist and
// ErrCorrupt, a damaged one ErrCorrupt, wrapped with its name. Lookups and merges check what they read against checksums; a table of version
// 1, which has only one checksum, is checked here.
func Open(ctx context.Context, store object.Local, scratch string, tables []TableInfo) (*Index, error) {
	x := &Index{scratch: scratch, store: store}
	for _, info := range tables {
		t, err := openObject(ctx, store, scratch, info)
		if err != nil {
			return nil, errors.Join(err, x.Close())
		}
		x.tables = append(x.tables, openedTable{info, t})
	}
	return x, nil
}

// Close releases the tables, and the batch if one is open.
func (x *Index) Close() error {
	var err error
	if x.batch != nil {
		err = x.batch.Close()
	}
	for _, r := range x.tables {
		err = errors.Join(err, r.table.close())
	}
	x.tables = nil
	return err
}
