// Batches as pipelines fold them: without retracted events.

package event

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/project"
)

// exclusion is what is excluded from a batch by retractions. The zero value excludes nothing.
type exclusion struct {
	until  uint64  // the last retraction of the batch
	rows   []Place // of events that are excluded one by one
	sealed *Batch  // the complete batch; nil if nothing is excluded
}

// AsSealed returns the batch with everything that was sealed.
func (b *Batch) AsSealed() Batch {
	if b.excluded.sealed != nil {
		return *b.excluded.sealed
	}
	return *b
}

// GetFolded reads a batch as it is folded: without what the retractions numbered up to until exclude, and with totals that were computed later.
// s is nil if the stream is no longer declared.
func GetFolded(tx catalog.Tx, s *project.Stream, stream string, batch, until uint64) (Batch, error) {
	b, err := GetBatch(tx, stream, batch)
	if err == nil && until > 0 {
		err = b.excludeRetracted(tx, s, until)
	}
	if err == nil && s != nil {
		err = b.withComputed(tx, s)
	}
	return b, err
}

// FoldedBatches returns a stream's batches numbered above after as they are folded, in order.
func FoldedBatches(ctx context.Context, c catalog.Catalog, s *project.Stream, after uint64) (batches []Batch, err error) {
	if batches, err = Batches(ctx, c, s.Name, after); err != nil {
		return nil, err
	}
	err = c.View(ctx, func(tx catalog.Tx) error {
		last, err := LastRetraction(tx, s.Name)
		for i := range batches {
			if err == nil && last > 0 {
				batches[i], err = GetFolded(tx, s, s.Name, batches[i].Batch, last)
			}
		}
		return err
	})
	return batches, err
}

// excludeRetracted removes what is retracted from a batch, its counts and its control totals.
func (b *Batch) excludeRetracted(tx catalog.Tx, s *project.Stream, until uint64) error {
	list, err := listRetractions(tx, retractionKind.key(b.Stream, b.Batch)+"/", until)
	left := active(list)
	if err != nil || len(left) == 0 || b.GivenUp != nil {
		return err
	}
	sealed := *b
	b.excluded = exclusion{until: list[len(list)-1].Number, sealed: &sealed}
	b.Definitions = maps.Clone(b.Definitions)
	if s != nil {
		b.Totals = b.Totals.Now(s)
	}
	if slices.ContainsFunc(left, func(r Retraction) bool { return r.Event == "" }) {
		b.Accepted, b.Objects, b.Totals = 0, nil, Totals{}
		if s != nil {
			b.Definitions = TotalDefinitions(s) // whatever their definition, the totals are empty
		}
		return nil
	}
	for i := range left {
		if err := b.excludeEvent(s, &left[i]); err != nil {
			return fmt.Errorf("leave %s out: %w", left[i].What(), err)
		}
	}
	return nil
}

// excludeEvent excludes one event. A total that the batch was sealed with under another definition is unknown afterwards.
func (b *Batch) excludeEvent(s *project.Stream, r *Retraction) error {
	if b.Accepted < r.Events {
		return errors.New("bug: the batch has fewer events")
	}
	b.Accepted -= r.Events
	b.excluded.rows = append(b.excluded.rows, Place{r.File, r.Row})
	totals := r.Totals
	if s != nil {
		totals = totals.Now(s)
	}
	for name := range b.Totals {
		if b.Definitions[name] != r.Definitions[name] {
			delete(b.Definitions, name)
			continue
		}
		if err := b.Totals.Sub(Totals{name: totals[name]}); err != nil {
			return err
		}
	}
	return nil
}

// excludedSQL returns the condition that excludes single events of the batches; empty if there are none. It compares one number, so that DuckDB looks
// up many of them in a hash table.
func excludedSQL(batches []Batch) string {
	var out []string
	for i := range batches {
		for _, row := range batches[i].excluded.rows {
			out = append(out, strconv.FormatInt(receivedAs(row), 10))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " WHERE " + ReceivedSQL + " NOT IN (" + strings.Join(out, ", ") + ")"
}
