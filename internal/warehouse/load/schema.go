// The columns of a load's table, and how they may change: new ones are added, everything else is refused.

package load

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// The columns of where a row is from.
const (
	objectColumn = "_object" // the object's name
	lineColumn   = "_line"   // the line of the object where the row begins, or the number of an element or of a row of Parquet
	loadColumn   = "_load"   // the number of the load in the journal
	periodColumn = project.PeriodColumn
)

// periodKinds are the types of periods.
var periodKinds = map[project.PeriodUnit]column.Kind{project.ByDay: column.Date, project.ByHour: column.Timestamp, project.ByNumber: column.BigInt}

// tableColumns are all columns of a load's table.
func tableColumns(l *project.Load) []column.Field {
	fields := append(l.Fields(), field(objectColumn, column.String), field(lineColumn, column.BigInt), field(loadColumn, column.BigInt))
	if l.Series != nil {
		fields = append(fields, field(periodColumn, periodKinds[l.Series.By]))
	}
	return fields
}

// declarationDigest is a digest of how a load reads rows.
func declarationDigest(l *project.Load) string {
	var b strings.Builder
	fmt.Fprintln(&b, l.Format, l.Array, l.Rest, l.Match, l.Rows.CSV, l.Rows.Encoding, seriesText(l.Series))
	for i := range l.Rows.Columns {
		c := &l.Rows.Columns[i]
		fmt.Fprintf(&b, "%q %s %q %q %v %v %q %s %d %d\n", c.Name, c.Type, c.From, c.In, c.Optional, c.Absent, c.Format, c.Zone, c.Decimal, c.Group)
	}
	return column.Sum128([]byte(b.String())).String()
}

// seriesText says how a series is sorted, and its bounds.
func seriesText(s *project.Series) string {
	if s == nil {
		return ""
	}
	text := fmt.Sprint(s.By, s.Revisit)
	for _, bound := range []*project.Period{s.Start, s.End} {
		text += " "
		if bound != nil {
			text += s.By.Text(*bound)
		}
	}
	return text
}

// refuse returns an error about a table that a load does not change.
func (r *run) refuse(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf("table %s: %s", r.declared.Table, fmt.Sprintf(format, args...)))
}

// checkTable checks that the table is the one that the load has made, and returns the columns to add to it.
func (r *run) checkTable() (added []column.Field, err error) {
	h, last := &r.history, r.history.Last
	switch {
	case h.Table != nil && h.Table.View:
		return nil, r.refuse("it is a view; drop it, or name another `table` in %s", r.at("table"))
	case h.Table != nil && h.Maker == nil:
		return nil, r.refuse("it exists, and no load has made it; drop it, or name another `table` in %s", r.at("table"))
	case h.Table != nil && h.Maker.Load != r.declared.Name:
		return nil, r.refuse("load %s has made it; name another `table` in %s", h.Maker.Load, r.at("table"))
	case last == nil || r.options.Reload:
		return nil, nil
	case last.Table != r.declared.Table:
		return nil, r.refuse("load %d of %s has filled table %s; set `table` back in %s, or fill this table with --reload", last.Number, last.Load, last.Table, r.at("table"))
	case h.Table == nil:
		return nil, r.refuse("it does not exist, but load %d has filled it: it was dropped or renamed; rename it back, or fill a new one with --reload", last.Number)
	case last.Source != r.declared.From:
		return nil, r.refuse("load %d has filled it from %s; set `from` back in %s, or fill the table again with --reload", last.Number, last.Source, r.at("from"))
	case last.Strategy != string(r.declared.Strategy):
		return nil, r.refuse("load %d has filled it with strategy %s; set `strategy` back in %s, or fill the table again with --reload", last.Number, last.Strategy, r.at("strategy"))
	}
	return r.compareColumns(last)
}

// at is the place of a key in the load's file.
func (r *run) at(key string) string {
	return fmt.Sprintf("%s:%d", r.declared.File, r.declared.Lines().At(key))
}

// compareColumns compares the columns as declared now, as declared for the last load, and as they are in the table.
func (r *run) compareColumns(last *record) (added []column.Field, err error) {
	now, before := r.columns, map[string]definition{}
	for _, c := range last.Columns {
		before[c.Name] = c
	}
	in := map[string]warehouse.Column{}
	for _, c := range r.history.Table.Columns {
		in[c.Name] = c
	}
	declared := map[string]bool{}
	for _, f := range now {
		declared[f.Name] = true
		was, known := before[f.Name]
		c, there := in[r.db().Name(f.Name)]
		at := r.at("columns." + f.Name)
		if f.Name == periodColumn {
			at = r.at("timeseries.by")
		}
		switch {
		case !known && !there:
			added = append(added, f)
		case !known:
			return nil, r.refuse("somebody has added a column %s of type %s; drop it, or name the column of %s otherwise", f.Name, c.SQL, at)
		case was.Type != f.Type.String():
			return nil, r.refuse("column %s is declared %s in %s, and was %s for load %d; a column keeps its type: declare another one, or fill the table again with --reload",
				f.Name, f.Type, at, was.Type, last.Number)
		case r.mixes(was):
			return nil, r.refuse("column %s is read %s in %s, and was read %s for load %d; its values would mean different things: declare another column, or fill the table again with --reload",
				f.Name, readText(r.declared, f.Name), at, was.Read, last.Number)
		case !there:
			return nil, r.refuse("column %s of type %s does not exist any more: somebody has dropped or renamed it; undo that, or fill the table again with --reload", f.Name, f.Type)
		case c.SQL != r.db().Type(f.Type):
			return nil, r.refuse("column %s has type %s, and the load has made it %s: somebody has changed it; undo that, or fill the table again with --reload",
				f.Name, c.SQL, r.db().Type(f.Type))
		}
	}
	for _, c := range last.Columns {
		if !declared[c.Name] {
			return nil, r.refuse("column %s of type %s is not declared any more; declare it in %s, with `optional: true` where objects lack it, or fill the table again with --reload",
				c.Name, c.Type, cmp.Or(r.declared.File, "the load"))
		}
	}
	return added, nil
}

// mixes reports whether a column would have values that are read in different ways. An earlier version has not recorded how.
func (r *run) mixes(was definition) bool {
	return r.declared.Strategy != project.Bulk && was.Read != "" && was.Read != readText(r.declared, was.Name)
}

// readText says how the values of a column are read, without what is so by default; empty for other columns than the declared ones.
func readText(l *project.Load, name string) string {
	for i := range l.Rows.Columns {
		c := &l.Rows.Columns[i]
		if c.Name != name {
			continue
		}
		text := "from " + strings.Join(c.From, ".")
		switch {
		case l.Rows.Format == project.CSVText && !l.Rows.CSV.Header:
			text = fmt.Sprintf("from field %d", i+1)
		case len(c.From) == 0:
			text = "from " + name
		}
		if c.Format != "" {
			text += fmt.Sprintf(", format %q", c.Format)
		}
		if c.Zone != nil && c.Zone.String() != time.UTC.String() {
			text += ", zone " + c.Zone.String()
		}
		if c.Decimal != 0 && c.Decimal != '.' || c.Group != 0 {
			text += fmt.Sprintf(", decimal %q", string(cmp.Or(c.Decimal, '.')))
		}
		if c.Group != 0 {
			text += fmt.Sprintf(", group %q", string(c.Group))
		}
		return text
	}
	return ""
}

func (r *run) db() warehouse.Database { return r.l.config.Database }
