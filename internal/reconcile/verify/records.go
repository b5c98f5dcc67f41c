// Checks that the catalog's records of a pipeline are complete, and whether an object may belong to unfinished work.

package verify

import (
	"context"
	"fmt"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/reconcile/runs"
)

// Unfinished reports whether an object that no run has recorded may belong to an unfinished run or rebuild.
func (r *Verifier) Unfinished(ctx context.Context, name string) bool {
	for _, p := range r.reader.Project.Pipelines {
		g, err := r.reader.Current(ctx, p.Name)
		if err != nil {
			continue
		}
		state, _, err := runs.ReadState(ctx, r.reader.Catalog, p.Name)
		if err != nil {
			continue
		}
		for _, n := range []uint64{g.Generation, state.Building} {
			rest, ok := strings.CutPrefix(name, artifact.SpacePrefix(artifact.Space{Pipeline: p.Name, Generation: n}))
			_, rest, _ = strings.Cut(rest, "/") // runs/ or parts/, then the number of the run
			if ok && n > 0 && (n != g.Generation || rest > fmt.Sprintf("%08d", g.Published+1)) {
				return true
			}
		}
	}
	return false
}

// CheckRecords returns an error if the catalog's documents of a pipeline are incomplete: generations or runs without the document
// that names them, or the reverse, or only those of a rebuild that is not complete.
func (r *Verifier) CheckRecords(ctx context.Context, pipeline string) error {
	names, err := r.reader.Objects.List(ctx, "pipelines/"+pipeline+"/")
	if err != nil {
		return err
	}
	return runs.CheckComplete(ctx, r.reader.Catalog, pipeline, len(names))
}
