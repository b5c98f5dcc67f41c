// What can be done about a row in quarantine: how it differs from the event with its id, and how the declaration may grow.

package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// Difference is a column in which a row in quarantine, or one accepted from there, differs from the event that was accepted before with its id.
type Difference struct {
	Column string          `json:"column"`
	Old    json.RawMessage `json:"old"` // of the event, as `bursar trace` prints it
	New    json.RawMessage `json:"new"` // of the row
}

// differences returns the columns that differ. A row that was only parsed has no computed columns.
func differences(s *project.Stream, old, row event.Values) (list []Difference) {
	for _, c := range s.Columns {
		if was, is := old[c.Name], row[c.Name]; is != nil && string(was) != string(is) {
			list = append(list, Difference{c.Name, was, is})
		}
	}
	return list
}

// Compared is the comparison of a row in quarantine with the event that was accepted with its id when the row arrived.
type Compared struct {
	Differences []Difference
	Retraction  *event.Retraction // excludes the event, so that a retry would treat the row differently; nil if the event counts
}

// Compare compares rows in quarantine with the events that were accepted with their ids. It finds nothing for rows that are not conflicts or were
// quarantined by earlier versions.
func Compare(ctx context.Context, st *event.Store, s *project.Stream, rows []event.Rejected) ([]Compared, error) {
	accepted, out, err := acceptedFirst(ctx, st, s, rows)
	if err != nil {
		return nil, err
	}
	all := make([]Compared, len(rows))
	for i := range rows {
		if rows[i].Accepted == nil || accepted[*rows[i].Accepted] == nil {
			continue
		}
		all[i].Retraction = out[*rows[i].Accepted]
		values, err := valuesOf(ctx, st, s, &rows[i])
		if err != nil {
			return nil, err
		}
		all[i].Differences = differences(s, accepted[*rows[i].Accepted], values)
	}
	return all, nil
}

// valuesOf parses a row in quarantine, without computed columns.
func valuesOf(ctx context.Context, st *event.Store, s *project.Stream, row *event.Rejected) (event.Values, error) {
	file, err := event.FindFile(ctx, st.Catalog, s.Name, row.Number)
	if err != nil || row.Object != "" {
		return nil, err
	}
	declared := *s
	if file.Format != "" {
		declared.Format = project.Format(file.Format)
	}
	plan, err := scan.NewPlan(&declared, nil)
	if err != nil {
		return nil, err
	}
	blocks, err := plan.Parse(append(slices.Concat([]byte(row.Raw), row.Bytes), '\n'), []byte(file.Header), row.Row)
	if err != nil || len(blocks) == 0 || len(blocks[0].Rows) == 0 {
		return nil, err
	}
	found, at := event.Values{}, 0
	for _, c := range s.Columns {
		if c.Is == "" {
			found[c.Name] = blocks[0].Columns[at].AppendJSON(nil, 0)
			at++
		}
	}
	return found, nil
}

// acceptedFirst reads the events that rows in quarantine are in conflict with, and the retractions that exclude some of them. An event is in its
// file's batch, or in a batch that retried a quarantine.
func acceptedFirst(ctx context.Context, st *event.Store, s *project.Stream, rows []event.Rejected) (found map[event.Place]event.Values, out map[event.Place]*event.Retraction, err error) {
	var places []string
	batches := map[uint64]bool{}
	found = map[event.Place]event.Values{}
	for i := range rows {
		p := rows[i].Accepted
		if p == nil {
			continue
		}
		file, err := event.FindFile(ctx, st.Catalog, s.Name, p.File)
		if err != nil {
			return nil, nil, err
		}
		batches[file.Batch] = true
		places = append(places, p.SQL())
	}
	if len(places) == 0 {
		return found, nil, nil
	}
	all, err := event.Batches(ctx, st.Catalog, s.Name, 0)
	if err != nil {
		return nil, nil, err
	}
	all = slices.DeleteFunc(all, func(b event.Batch) bool { return !batches[b.Batch] && len(b.Retried) == 0 })
	if err = st.EachAt(ctx, s, all, places, func(p event.Place, event event.Values) { found[p] = event }); err == nil {
		out, err = retractedAt(ctx, st, s, all, places)
	}
	return found, out, err
}

// retractedAt returns which events of batches, read at the places, are excluded, and by which retraction.
func retractedAt(ctx context.Context, st *event.Store, s *project.Stream, batches []event.Batch, places []string) (map[event.Place]*event.Retraction, error) {
	list, err := event.Retractions(ctx, st.Catalog, s.Name)
	if err != nil {
		return nil, err
	}
	out := map[event.Place]*event.Retraction{}
	for i := range list {
		r := &list[i]
		if r.Event != "" {
			out[event.Place{File: r.File, Row: r.Row}] = r
			continue
		}
		if n := slices.IndexFunc(batches, func(b event.Batch) bool { return b.Batch == r.Batch }); n >= 0 {
			if err := st.EachAt(ctx, s, batches[n:n+1], places, func(p event.Place, _ event.Values) { out[p] = r }); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// Remedy says how the declaration may grow so that a retry accepts a rejected row. It is empty if growth does not help: how values are read and how
// rows are identified never changes.
func Remedy(r *event.Rejected, s *project.Stream) string {
	c := s.Column(r.Column)
	if c == nil || r.Object != "" || r.Conflict() {
		return ""
	}
	at := fmt.Sprintf("%s (%s:%d)", c.Name, s.File, c.Line)
	switch {
	case strings.HasSuffix(r.Reason, scan.NotDeclared):
		return "add the value to `in` of " + at
	case strings.HasPrefix(r.Reason, scan.Required) && !slices.Contains(s.ID, c.Name) && s.Time != c.Name:
		return "declare `optional: true` for " + at
	case strings.HasSuffix(r.Reason, scan.TooPrecise), strings.HasSuffix(r.Reason, scan.Overflows):
		if wide := widerType(c.Type, r.Reason); wide != "" {
			return fmt.Sprintf("declare %s for %s, follow `bursar check` (computed columns, a rebuild)", wide, at)
		}
	}
	return ""
}

// plainNumber is the value that a reason quotes: digits before and after the decimal mark.
var plainNumber = regexp.MustCompile(`^"[+-]?0*(\d*)(?:[.,](\d*?)0*)?" does not fit `)

// widerType names the narrowest type to which a numeric column may grow to have the value of a reason. It is empty if there is none.
func widerType(t column.Type, reason string) string {
	digits, isNumber := t.WholeDigits()
	if !isNumber {
		return ""
	}
	scale := t.Scale
	m := plainNumber.FindStringSubmatch(reason)
	switch {
	case m == nil && digits+scale >= decimal.MaxDigits:
		return ""
	case m == nil: // written with marks between groups, or with an exponent
		return "a wider type"
	}
	digits, scale = max(digits, len(m[1])), max(scale, len(m[2]))
	more := "digits"
	switch {
	case digits+scale > decimal.MaxDigits:
		return ""
	case t.Kind == column.Int && scale == 0 && len(m[1]) < 19:
		return "bigint, which has more digits,"
	case strings.HasSuffix(reason, scan.TooPrecise):
		more = "decimals"
	}
	return fmt.Sprintf("decimal(%d,%d), which has more %s,", digits+scale, scale, more)
}
