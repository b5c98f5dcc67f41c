// Access of tests in other packages to unexported parts.

package event

import (
	"context"
	"encoding/json"
	"errors"

	"bursar/internal/catalog"
	"bursar/internal/event/spool"

	"github.com/klauspost/compress/zstd"
)

// WrapSpool has live intake write its spools through wrap.
func WrapSpool(o *LiveOptions, wrap func(spool.File) spool.File) { o.wrap = wrap }

// WithoutConflicts rewrites a batch's quarantine as by versions that did not record what a conflict is with.
func WithoutConflicts(ctx context.Context, st *Store, stream string, batch uint64) error {
	var b Batch
	err := st.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		b, err = GetBatch(tx, stream, batch)
		return err
	})
	if err != nil {
		return err
	}
	var rows []Rejected
	if err := readQuarantine(ctx, st.Objects, b.Quarantine.Name, func(r Rejected) error {
		r.Accepted = nil
		rows = append(rows, r)
		return nil
	}); err != nil {
		return err
	}
	out, err := st.Objects.Create(ctx, b.Quarantine.Name)
	if err != nil {
		return err
	}
	zip, err := zstd.NewWriter(out)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(zip)
	for _, r := range rows {
		err = errors.Join(err, lines.Encode(r))
	}
	return errors.Join(err, zip.Close(), out.Commit())
}
