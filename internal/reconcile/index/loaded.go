// Compares the index with the catalog: if the index was deleted or restored from an older copy, existing keys would look new; an
// older catalog would not match the index.

package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// CheckLoaded checks that the index contains everything up to a run of a generation, and nothing of runs that the catalog does
// not know.
func CheckLoaded(ctx context.Context, e *reconcile.Engine, plan *fold.Plan, space artifact.Space, upTo uint64) error {
	last, planned, err := lastRunWithEntries(ctx, e, space, upTo)
	if err != nil {
		return err
	}
	newest, loaded, err := loadedEntries(ctx, e, space, last.Run)
	switch {
	case err != nil:
		return err
	case newest > planned:
		return checkPlanned(ctx, e, space, newest)
	case last.Run == 0 || loaded == last.Created+last.Updated:
		return nil
	case newest == 0:
		return adoptIndex(ctx, e, plan, &last)
	}
	return notLoaded(&last, loaded)
}

func notLoaded(run *runs.Run, entries int64) error {
	err := fmt.Errorf("the index is absent or older than the catalog: of run %d of %s, generation %d, it holds %d of %d entries; run `bursar repair`",
		run.Run, run.Pipeline, run.Generation, entries, run.Created+run.Updated)
	return failure.Wrap(failure.Data, err)
}

// checkPlanned reads the catalog again if the index contained a run that was not planned: it may have been planned meanwhile.
func checkPlanned(ctx context.Context, e *reconcile.Engine, space artifact.Space, newest uint64) error {
	g, err := runs.ReadGeneration(ctx, e.Catalog, runs.Ref{Pipeline: space.Pipeline, Generation: space.Generation})
	if err != nil || newest <= g.Runs {
		return err
	}
	err = fmt.Errorf("the catalog is older than the index: run %d of %s, generation %d, is not in it; run `bursar rebuild %s`",
		newest, space.Pipeline, space.Generation, space.Pipeline)
	return failure.Wrap(failure.Data, err)
}

// lastRunWithEntries returns the newest run up to upTo that wrote artifacts, zero if there is none, and the last planned run.
func lastRunWithEntries(ctx context.Context, e *reconcile.Engine, space artifact.Space, upTo uint64) (last runs.Run, planned uint64, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		last = runs.Run{}
		g, _, err := runs.GetGeneration(tx, space.Pipeline, space.Generation)
		if err != nil {
			return err
		}
		planned = g.Runs
		for n := upTo; n > 0; n-- {
			run, err := runs.Get(tx, g.RunRef(n))
			if err != nil {
				return err
			}
			if run.Created+run.Updated > 0 {
				last = run
				return nil
			}
		}
		return nil
	})
	return last, planned, err
}

// loadedEntries returns the newest run in the index, and the number of entries of one run.
func loadedEntries(ctx context.Context, e *reconcile.Engine, space artifact.Space, counted uint64) (newest uint64, entries int64, err error) {
	err = e.Index.Loads(ctx, space, func(run uint64, n int64) error {
		newest = max(newest, run)
		if run == counted {
			entries += n
		}
		if run < counted {
			return failure.ErrStop
		}
		return nil
	})
	return newest, entries, failure.UnlessStopped(err)
}

// adoptIndex accepts an index of an older version, which did not record its loads: if it has all entries of the last run it
// also has those of earlier runs, because runs are loaded in order. If the index is read-only this is checked again next time.
func adoptIndex(ctx context.Context, e *reconcile.Engine, plan *fold.Plan, last *runs.Run) error {
	for p := range last.Partitions {
		if _, err := CheckPartition(ctx, e, plan, last, p); err != nil {
			return errors.Join(notLoaded(last, 0), err)
		}
	}
	for p := range last.Partitions {
		if _, err := Load(ctx, e, plan, last, p); err != nil && !errors.Is(err, artifact.ErrReadOnly) {
			return err
		}
	}
	return nil
}

// checkedAtOnce is how many records CheckPartition looks up at a time.
const checkedAtOnce = 1 << 14

// CheckPartition checks, for every record of a partition of a run, that the index as of that run points to exactly that record.
func CheckPartition(ctx context.Context, e *reconcile.Engine, plan *fold.Plan, run *runs.Run, partition int) (int64, error) {
	reader := NewPartReader(ctx, e.Objects, plan, run, partition)
	defer reader.Close()
	total := int64(0)
	var want []artifact.Entry
	for {
		entry, err := reader.Next()
		if err == nil {
			entry.Key = slices.Clone(entry.Key)
			want = append(want, entry)
		}
		if err != nil || len(want) == checkedAtOnce {
			if found := checkEntries(ctx, e, run, want); found != nil {
				return total, found
			}
			total += int64(len(want))
			want = want[:0]
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func checkEntries(ctx context.Context, e *reconcile.Engine, run *runs.Run, want []artifact.Entry) error {
	keys := make([][]byte, len(want))
	for i, e := range want {
		keys[i] = e.Key
	}
	found := 0
	err := e.Index.Find(ctx, run.Space(), run.Run, keys, func(i int, e artifact.Entry) error {
		found++
		if e.Run != run.Run || e.Location != want[i].Location {
			return fmt.Errorf("an entry points to run %d, %+v, its record is in run %d, %+v", e.Run, e.Location, run.Run, want[i].Location)
		}
		return nil
	})
	if err == nil && found != len(want) {
		err = fmt.Errorf("%d of %d records have no index entry", len(want)-found, len(want))
	}
	return err
}
