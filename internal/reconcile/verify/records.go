// Checks of the index, of the catalog's records of a pipeline, and of the events without a key that runs account for.

package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// storedIndex is an index stored in local files. While the project is open, its cache may hide changes to the files: Stored opens
// a copy of the files on disk, in a new folder, and returns an error if it is damaged.
type storedIndex interface {
	Stored(ctx context.Context, dir string) (artifact.Index, error)
}

// checkIndexFiles checks that the files of the index are as they were written. The checks after it read those files.
func (v *verification) checkIndexFiles(ctx context.Context) (string, error) {
	index, ok := v.Index.(storedIndex)
	if !ok {
		return "the index is not stored in local files", nil
	}
	folder, err := os.MkdirTemp(v.Scratch, "verify-index-*")
	if err != nil {
		return "", err
	}
	v.scratch = folder
	if v.stored, err = index.Stored(ctx, filepath.Join(folder, "index")); err != nil {
		return "", err
	}
	v.Reader = query.New(v.WithIndex(v.stored))
	return "every block as it was written", nil
}

func (v *verification) close() {
	if v.stored != nil {
		_ = v.stored.Close() // it was read only
	}
	if v.scratch != "" {
		_ = os.RemoveAll(v.scratch) // the next start empties the folder
	}
}

// checkIndex checks, for every record of every run, that the index as of that run points to exactly that record.
func (v *verification) checkIndex(ctx context.Context) (string, error) {
	total := int64(0)
	for i := range v.runs {
		run := &v.runs[i]
		n := int64(0)
		for p := range run.Partitions {
			entries, err := index.CheckPartition(ctx, v.Engine, v.plan, run, p)
			if err != nil {
				return "", fmt.Errorf("run %d: %w", run.Run, err)
			}
			n += entries
		}
		if n != run.Created+run.Updated {
			return "", fmt.Errorf("run %d: %d records for %d artifacts", run.Run, n, run.Created+run.Updated)
		}
		total += n
	}
	return reconcile.Plural(total, "entry") + ": each leads to its record", nil
}

// checkLoads checks that the index contains the last published run, and no run that the catalog does not know.
func (v *verification) checkLoads(ctx context.Context) (string, error) {
	if v.generation.Generation == 0 {
		return "no runs", nil
	}
	if err := index.CheckLoaded(ctx, v.Engine, v.plan, v.generation.Space(), v.generation.Published); err != nil {
		return "", err
	}
	return fmt.Sprintf("the index is as new as the catalog: run %d", v.generation.Published), nil
}

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

// checkUnkeyed checks that the events which runs left out of artifacts are exactly those of their batches that have no key.
func (v *verification) checkUnkeyed(ctx context.Context) (string, error) {
	events, all := int64(0), int64(0)
	byStream := map[string]int64{}
	for i := range v.runs {
		run := &v.runs[i]
		if err := v.recountUnkeyed(ctx, run); err != nil {
			return "", fmt.Errorf("run %d: %w", run.Run, err)
		}
		events, all = events+run.Unkeyed.Events(), all+run.Events
		for stream, own := range run.Unkeyed {
			byStream[stream] += own.Events
		}
	}
	for _, s := range v.plan.Events.Streams {
		if byStream[s.Name] != v.generation.Unkeyed[s.Name] {
			return "", fmt.Errorf("the generation counts %d events of %s without a key, the runs count %d", v.generation.Unkeyed[s.Name], s.Name, byStream[s.Name])
		}
	}
	return fmt.Sprintf("%s without a key of %d: counted and summed as the runs account for them, the others are in artifacts", reconcile.Plural(events, "event"), all), nil
}

func (v *verification) recountUnkeyed(ctx context.Context, run *runs.Run) error {
	batches, err := runs.ReadBatches(ctx, v.Catalog, v.Project, run)
	if err != nil {
		return err
	}
	session, err := v.Session()
	if err != nil {
		return err
	}
	defer session.Close()
	files := v.Objects.Files()
	defer files.Release()
	session.ExplainWith(files.Explain)
	found, err := step.CountUnkeyed(ctx, files, session, v.plan, batches)
	if err != nil {
		return err
	}
	for _, s := range v.plan.Events.Streams {
		want, got := run.Unkeyed[s.Name], found[s.Name]
		if err := query.CompareUnkeyed(run.Run, s.Name, want.Events, got.Events); err != nil {
			return err
		}
		totals := want.Totals.Now(s)
		for i := range s.Totals {
			t := &s.Totals[i]
			if want.Definitions[t.Name] != got.Definitions[t.Name] {
				continue // its definition changed since, and no pipeline conserves it
			}
			if err := step.CompareTotals("unkeyed events", t.Name, s.TotalType(t).Scale, totals[t.Name], got.Totals[t.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}
