// Batches as they are folded: without what is retracted.

package event

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/project"
)

// exclusion is what of a batch is left out. Its zero value is nothing.
type exclusion struct {
	until  uint64  // the last retraction that is of the batch
	rows   []Place // of events that are left out one by one
	sealed *Batch  // the batch with them; nil where nothing is left out
}

// AsSealed is the batch with all that it was sealed with.
func (b *Batch) AsSealed() Batch {
	if b.excluded.sealed != nil {
		return *b.excluded.sealed
	}
	return *b
}

// GetFolded reads a batch as it is folded: without what the retractions numbered up to until leave out of it, and with the totals
// that were computed since. The stream is nil where it is not declared any more.
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

// FoldedBatches lists a stream's batches numbered above after as they are folded, in order.
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

// excludeRetracted takes what is retracted out of a batch, its counts and its control totals.
func (b *Batch) excludeRetracted(tx catalog.Tx, s *project.Stream, until uint64) error {
	list, err := listRetractions(tx, retractionBatchPrefix(b.Stream, b.Batch), until)
	left := active(list)
	if err != nil || len(left) == 0 || b.GivenUp != nil {
		return err
	}
	sealed := *b
	b.excluded = exclusion{until: list[len(list)-1].Number, sealed: &sealed}
	b.Definitions = maps.Clone(b.Definitions)
	if s != nil {
		b.Totals = b.TotalsNow(s)
	}
	for i := range left {
		if left[i].Event == "" {
			b.excludeAll(s)
			return nil
		}
	}
	for i := range left {
		if err := b.excludeEvent(s, &left[i]); err != nil {
			return fmt.Errorf("leave %s out: %w", left[i].What(), err)
		}
	}
	return nil
}

// excludeAll leaves all of a batch out.
func (b *Batch) excludeAll(s *project.Stream) {
	b.Accepted, b.Objects, b.Totals = 0, nil, Totals{}
	if s != nil {
		b.Definitions = TotalDefinitions(s) // whatever they are, they come to nothing
	}
}

// excludeEvent leaves one event out. A total that the batch was sealed with by another definition is not known afterwards.
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

// excludedSQL is the condition for events of the batches that are not left out one by one; empty if none is. It compares one number, so that
// many are looked up in a hash table.
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
	return " WHERE " + receivedSQL + " NOT IN (" + strings.Join(out, ", ") + ")"
}
