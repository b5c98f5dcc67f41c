// Checks of `bursar verify` on the index.

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"bursar/internal/artifact"
	"bursar/internal/fold"
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
	v.Engine = v.withIndex(v.stored)
	return "every block as it was written", nil
}

// withIndex returns a copy of the engine with another index.
func (e *Engine) withIndex(index artifact.Index) *Engine {
	return &Engine{
		Project: e.Project, Objects: e.Objects, Catalog: e.Catalog, Index: index,
		Duck: e.Duck, Scratch: e.Scratch, Workers: e.Workers, Now: e.Now, Log: e.Log,
	}
}

// close removes the copy of the index.
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
			entries, err := v.checkRunIndex(ctx, v.plan, run, p)
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
	return plural(int(total), "entry") + ": each leads to its record", nil
}

// checkRunIndex checks the same for the records of one partition of a run.
func (e *Engine) checkRunIndex(ctx context.Context, plan *fold.Plan, run *Run, partition int) (int64, error) {
	reader := e.partReader(ctx, plan, run, partition)
	defer reader.close()
	total := int64(0)
	var want []artifact.Entry
	for {
		entry, err := reader.next()
		if err == nil {
			entry.Key = slices.Clone(entry.Key)
			want = append(want, entry)
		}
		if err != nil || len(want) == walkRows {
			if found := e.checkEntries(ctx, run, want); found != nil {
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

// checkLoads checks that the index contains the last published run, and no run that the catalog does not know.
func (v *verification) checkLoads(ctx context.Context) (string, error) {
	if v.generation.Generation == 0 {
		return "no runs", nil
	}
	if err := v.checkLoaded(ctx, v.plan, v.generation.space(), v.generation.Published); err != nil {
		return "", err
	}
	return fmt.Sprintf("the index is as new as the catalog: run %d", v.generation.Published), nil
}

func (e *Engine) checkEntries(ctx context.Context, run *Run, want []artifact.Entry) error {
	keys := make([][]byte, len(want))
	for i, e := range want {
		keys[i] = e.Key
	}
	found := 0
	err := e.Index.Find(ctx, run.space(), run.Run, keys, func(i int, e artifact.Entry) error {
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
