// Control totals computed from stored events: those that a batch was sealed without, and those that are compared with what was sealed (rule 4).

package event

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/object"
	"bursar/internal/project"
)

// totalDefinition says what a total sums, to recognise a batch that was sealed with another definition.
func totalDefinition(t *project.Total) string {
	definition := "sum " + t.Sum
	if t.By != "" {
		definition += " by " + t.By
	}
	if t.Where != "" {
		definition += " where " + t.Where
	}
	return definition
}

// TotalDefinitions returns the definitions of a stream's totals by name.
func TotalDefinitions(s *project.Stream) map[string]string {
	definitions := make(map[string]string, len(s.Totals))
	for i := range s.Totals {
		definitions[s.Totals[i].Name] = totalDefinition(&s.Totals[i])
	}
	return definitions
}

// HasTotals reports whether the batch has each of the named totals as the stream declares it now.
func (b *Batch) HasTotals(s *project.Stream, names []string) bool {
	for _, name := range names {
		if t := s.Total(name); t == nil || b.Definitions[name] != totalDefinition(t) {
			return false
		}
	}
	return true
}

// UnknownTotals returns the totals of the stream for which the retraction does not know the retracted sums, because they are declared
// differently since the batch was sealed, or were not declared then. Retractions of earlier versions have no definitions; theirs count as
// the stream's.
func (r *Retraction) UnknownTotals(s *project.Stream) (names []string) {
	for i := range s.Totals {
		name := s.Totals[i].Name
		_, known := r.Totals[name]
		old, defined := r.Definitions[name]
		if defined && old != totalDefinition(&s.Totals[i]) || !defined && !known && r.Events > 0 {
			names = append(names, name)
		}
	}
	return names
}

// computedTotals are totals that a batch was sealed without: a catalog document.
type computedTotals struct {
	Definitions map[string]string `json:"definitions"`
	Totals      Totals            `json:"totals"`
	Retraction  uint64            `json:"retraction,omitempty"` // the last one of the batch at that time
}

// withComputed replaces totals that were sealed under another definition than the stream has now by those computed for the batch since.
func (b *Batch) withComputed(tx catalog.Tx, s *project.Stream) error {
	var computed computedTotals
	found, err := tx.Get(totalsKind.key(b.Stream, b.Batch), &computed)
	if err != nil || !found || computed.Retraction != b.excluded.until {
		return err
	}
	totals, definitions := Totals{}, map[string]string{}
	maps.Copy(totals, b.Totals)
	maps.Copy(definitions, b.Definitions)
	for name, groups := range computed.Totals {
		t := s.Total(name)
		if t == nil || computed.Definitions[name] != totalDefinition(t) || b.HasTotals(s, []string{name}) {
			continue
		}
		totals[name], definitions[name] = groups, computed.Definitions[name]
	}
	b.Totals, b.Definitions = totals, definitions
	return nil
}

// ComputeTotals computes all totals that a stream declares now from the events of one of its batches, and stores them beside the batch.
func ComputeTotals(ctx context.Context, c catalog.Catalog, store object.Local, session *duck.Session, s *project.Stream, b Batch) error {
	if err := CheckObjects(ctx, store, []Batch{b}, 1); err != nil {
		return err
	}
	names := make([]string, len(s.Totals))
	for i := range s.Totals {
		names[i] = s.Totals[i].Name
	}
	files := store.Files()
	defer files.Release()
	session.ExplainWith(files.Explain)
	view := ViewSQL(files, s, []Batch{b})
	if err := files.Pin(ctx); err != nil {
		return err
	}
	totals, err := SumTotals(ctx, session, s, view, names)
	if err != nil {
		return fmt.Errorf("compute control totals of batch %d of %s: %w", b.Batch, s.Name, err)
	}
	return c.Update(ctx, func(tx catalog.Tx) error {
		return tx.Put(totalsKind.key(s.Name, b.Batch), computedTotals{TotalDefinitions(s), totals, b.excluded.until})
	})
}

// SumTotals sums the named totals over a view of a stream's events.
func SumTotals(ctx context.Context, session *duck.Session, s *project.Stream, view string, names []string) (Totals, error) {
	totals := Totals{}
	for _, name := range names {
		t := s.Total(name)
		if t == nil {
			return nil, fmt.Errorf("stream %s declares no total %s", s.Name, name)
		}
		sums := column.NewSums(s.TotalType(t).Scale)
		err := session.Query(ctx, totalSQL(s, t, view), func(rows []column.Vector) error {
			var by *column.Vector
			if t.By != "" {
				by = &rows[1]
			}
			sums.Add(&rows[0], by, nil)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("total %s: %w", name, err)
		}
		if totals[name], err = sums.Text(); err != nil {
			return nil, fmt.Errorf("total %s: %w", name, err)
		}
	}
	return totals, nil
}

// totalSQL returns a SELECT of a total's sum, and of its group if it has one.
func totalSQL(s *project.Stream, t *project.Total, view string) string {
	sum := fmt.Sprintf("CAST(sum(%s) AS DECIMAL(38,%d))", column.QuoteIdentifier(t.Sum), s.TotalType(t).Scale)
	by, where, groupBy := "", "", ""
	if t.Where != "" {
		where = " WHERE coalesce(TRY((" + t.Where + "\n)), false)"
	}
	if t.By != "" {
		by = ", " + column.QuoteIdentifier(t.By)
		groupBy = " GROUP BY " + column.QuoteIdentifier(t.By)
	}
	return "SELECT " + sum + by + " FROM (" + view + ")" + where + groupBy
}

// MissingTotalsError says that a batch's totals must be computed before what failed is tried again.
type MissingTotalsError struct{ Batch Batch }

func (e *MissingTotalsError) Error() string {
	return fmt.Sprintf("batch %d of %s was sealed without a control total that is declared now", e.Batch.Batch, e.Batch.Stream)
}

// Recount computes a batch's rows, control totals and digest from its stored events.
type Recount struct {
	stream  *project.Stream
	facts   *Facts
	summers []Summer
	rows    int64
	digest  column.Digest
}

// NewRecount starts a recount of one batch of the stream that was sealed with columns.
func NewRecount(s *project.Stream, columns []Definition) *Recount {
	return &Recount{stream: s, facts: NewFacts(s, columns), summers: NewSummers(s)}
}

// Read adds the rows of a view of the batch's events.
func (r *Recount) Read(ctx context.Context, session *duck.Session, view string) error {
	var list []string
	for _, c := range r.stream.Columns {
		list = append(list, column.QuoteIdentifier(c.Name))
	}
	for _, t := range r.stream.Totals {
		if t.Where != "" {
			list = append(list, fmt.Sprintf("coalesce(TRY((%s\n)), false)", t.Where))
		}
	}
	var buffer []byte
	return session.Query(ctx, fmt.Sprintf("SELECT %s FROM %s", strings.Join(list, ", "), view), func(rows []column.Vector) error {
		columns, filters := rows[:len(r.stream.Columns)], rows[len(r.stream.Columns):]
		for i := range rows[0].Len() {
			buffer = r.facts.AppendRow(buffer[:0], columns, r.facts.Positions, i)
			r.digest.Add(column.Sum128(buffer))
		}
		r.rows += int64(rows[0].Len())
		SumRows(r.summers, columns, filters, func(int) bool { return true })
		return nil
	})
}

// Compare compares the recount with the batch's manifest. A total that was sealed under another or no definition is skipped; rows and digest are
// always compared.
func (r *Recount) Compare(b Batch) error {
	if r.rows != b.Accepted {
		return fmt.Errorf("it contains %d events, not %d", r.rows, b.Accepted)
	}
	if got := r.digest.String(); got != b.Digest {
		return fmt.Errorf("its digest is %s, not %s", got, b.Digest)
	}
	totals, err := TotalsOf(r.summers)
	if err != nil {
		return err
	}
	for name, groups := range b.Totals.Now(r.stream) {
		if !b.HasTotals(r.stream, []string{name}) {
			continue
		}
		for group, sum := range groups {
			if totals[name][group] != sum {
				return fmt.Errorf("total %s %s is %s, not %s", name, group, totals[name][group], sum)
			}
		}
	}
	return nil
}

// SumEvent computes the control totals of one event.
func (st *Store) SumEvent(ctx context.Context, s *project.Stream, r *Retraction) error {
	b, err := st.Batch(ctx, s.Name, r.Batch)
	if err == nil {
		err = CheckObjects(ctx, st.Objects, []Batch{b}, st.Workers)
	}
	if err != nil {
		return err
	}
	count := NewRecount(s, b.Columns)
	err = st.WithEvents(ctx, s, []Batch{b}, func(session *duck.Session, events string) error {
		return count.Read(ctx, session, fmt.Sprintf("(SELECT * FROM (%s) WHERE %s = %d AND %s = %d)", events, FileColumn, r.File, RowColumn, r.Row))
	})
	if err != nil {
		return fmt.Errorf("sum %s: %w", r.What(), err)
	}
	r.Events, r.Digest, r.Definitions = count.rows, count.digest.String(), TotalDefinitions(s)
	r.Totals, err = TotalsOf(count.summers)
	if err == nil && r.Events != 1 {
		err = fmt.Errorf("bug: %d events were read at file %d, row %d", r.Events, r.File, r.Row)
	}
	return err
}
