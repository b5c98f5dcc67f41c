// Reading artifacts as rows of a table: all of them, or those that a group of runs has made.

package publish

import (
	"context"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// all reads all artifacts, each with its run.
func (a *artifactsPublication) all(ctx context.Context) warehouse.Rows {
	number := column.NewVector(column.Type{Kind: column.BigInt}, 0)
	return warehouse.RowsOf(func(each func([]column.Vector) error) error {
		return a.artifacts.All(ctx, func(made []uint64, values []column.Vector) error {
			number.Reset()
			for _, run := range made {
				number.AppendInt(int64(run))
			}
			return each(append(slices.Clip(values), number))
		})
	})
}

// group is some runs that one transaction adds.
type group struct {
	first, last uint64
	artifacts   int64     // that they have made
	received    time.Time // the last event of them
}

// nextGroup returns the next group of runs; its last one is before its first one if all are in the table.
func (a *artifactsPublication) nextGroup(ctx context.Context, published uint64) (group, error) {
	g := group{first: a.record.through + 1, last: a.record.through}
	for g.last < published {
		received, _, artifacts, err := a.artifacts.Run(ctx, g.last+1)
		if err != nil {
			return g, err
		}
		if g.artifacts+artifacts > a.groupRows() && g.last >= g.first {
			break
		}
		g.last, g.artifacts, g.received = g.last+1, g.artifacts+artifacts, received
	}
	return g, nil
}

// stagedColumns are the columns of staged artifacts: without the end of a version, which is not known yet.
func stagedColumns(columns []column.Field) []column.Field {
	return slices.DeleteFunc(slices.Clone(columns), func(c column.Field) bool { return c.Name == validTo })
}

// ofRuns reads the artifacts that runs have made, each with its run, and for a history with when the run received its last event: not before
// latest, when the last version of the runs before became valid. Runs without artifacts do not count for that, as no row of a table says when they
// received theirs: so the times are the same however many runs are read at once.
func (a *artifactsPublication) ofRuns(ctx context.Context, first, last uint64, latest time.Time) warehouse.Rows {
	beside := column.NewVectors([]column.Type{{Kind: column.BigInt}, {Kind: column.Timestamp}}, 0)
	return warehouse.RowsOf(func(each func([]column.Vector) error) error {
		latest := latest
		for run := first; run <= last; run++ {
			received, _, _, err := a.artifacts.Run(ctx, run)
			if err != nil {
				return err
			}
			if received.Before(latest) {
				received = latest
			}
			err = a.artifacts.OfRun(ctx, run, func(values []column.Vector) error {
				if values[0].Len() > 0 {
					latest = received
				}
				beside[0].Reset()
				beside[1].Reset()
				for range values[0].Len() {
					beside[0].AppendInt(int64(run))
					beside[1].AppendInt(received.UnixMicro())
				}
				if !a.history {
					return each(append(slices.Clip(values), beside[0]))
				}
				return each(append(slices.Clip(values), beside...))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
