// Reading everything that is archived.

package archive

import (
	"context"
	"fmt"
	"path/filepath"

	"bursar/internal/failure"
)

// Checked is the outcome of reading one part.
type Checked struct {
	Part

	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Err   error  `json:"-"`
}

// Verify reads the objects of parts, and compares their bytes, count, control totals and digest with the journal.
func (a *Archiver) Verify(ctx context.Context, parts []Part, each func(Checked)) error {
	dir, remove, err := a.workspace()
	if err != nil {
		return err
	}
	defer remove()
	for _, p := range parts {
		err := a.readBack(ctx, &p, filepath.Join(dir, "back.parquet"))
		if err != nil && (ctx.Err() != nil || failure.Of(err).Retryable()) {
			return fmt.Errorf("verify %s of %s: %w", p.Period, p.Table, err)
		}
		c := Checked{Part: p, OK: err == nil, Err: err}
		if err != nil {
			c.Error = err.Error()
		}
		each(c)
	}
	return nil
}
