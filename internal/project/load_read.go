// Reads warehouse/*.yaml.

package project

import (
	"path"
	"strconv"
	"strings"
	"time"

	"bursar/internal/project/doc"
)

// parseLoad reads a load file; the zone is that of its schedule. The load is never nil, and has its file's name even if everything else is invalid.
func parseLoad(file string, data []byte, zone *time.Location) (*Load, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "load", "from", "match", "format", "csv", "encoding", "array", "columns", "rest", "table", "strategy", "timeseries", "max_errors", "schedule", "archive")
	l := &Load{Name: nameFromFile(o, "load"), File: file, source: source{lines: src.Lines, variables: environmentVariables(root)}}
	if root != nil || len(src.Errs) == 0 {
		o.Require("load", "from", "format", "columns", "strategy")
	}
	l.Line = src.Lines.At("load")
	l.From, l.Match, l.Table = o.Text("from"), o.Text("match"), o.Text("table")
	if _, err := path.Match(l.Match, ""); err != nil {
		o.Fail("match", "is %s, which is not a pattern: use * and ? as in *.json.gz", doc.Brief(l.Match))
	}
	l.readFormat(o)
	l.readColumns(o)
	l.readRest(o)
	l.readStrategy(o)
	l.MaxErrors = readMaxErrors(o)
	l.Schedule = readSchedule(o, "schedule", zone)
	l.checkTable(o)
	l.readArchive(o)
	l.broken = len(src.Errs) > 0
	return l, src.Errs
}

func (l *Load) readFormat(o doc.Section) {
	s := &Stream{Name: l.Name, File: l.File, source: l.source}
	l.Rows, l.Format = s, Format(o.OneOf("format", string(JSONObjects), string(JSONL), string(CSVText), string(Parquet)))
	s.Format = l.Format
	if l.Format == JSONObjects {
		s.Format = JSONL
	}
	s.readText(o)
	array := o.Text("array")
	switch {
	case array == "":
	case l.Format != JSONObjects && l.Format != "":
		o.Fail("array", "belongs to format json only; this is %s", l.Format)
	default:
		l.Array = readPath(o, "array", array)
	}
}

// readColumns reads the columns. A key that is not a name of a column is the path of a property, whose names are joined by _ in the column's.
func (l *Load) readColumns(o doc.Section) {
	columns := o.Sub("columns")
	if o.Has("columns") && columns.Values != nil && len(columns.Keys) == 0 && len(o.Src.Errs) == 0 {
		o.Fail("columns", "is empty")
	}
	by := map[string]string{}
	for _, key := range columns.Keys {
		c := l.Rows.readColumn(columns, key)
		at := columns.At(key)
		for _, foreign := range []string{"is", "origin"} {
			if columns.Src.Lines[at+"."+foreign] > 0 {
				columns.Src.FailAt(at+"."+foreign, "%s belongs to streams: compute columns in a model", doc.Brief(foreign))
			}
		}
		if !doc.IsName(key) {
			l.nameColumn(columns, key, &c)
		}
		if other, twice := by[c.Name]; twice {
			columns.Src.FailAt(at, "%s and %s are both read into column %s: give one a name, as in `%s_2: {from: …}`", doc.Brief(other), doc.Brief(key), c.Name, c.Name)
		}
		by[c.Name] = key
		l.Rows.Columns = append(l.Rows.Columns, c)
	}
	l.Rows.checkHeaders(o.Src)
}

// nameColumn names the column of a key that is a path or a header.
func (l *Load) nameColumn(columns doc.Section, key string, c *Column) {
	at := columns.At(key)
	c.Name = SnakeCase(key)
	if columns.Src.Lines[at+".from"] > 0 {
		columns.Src.FailAt(at, "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", doc.Brief(key))
		return
	}
	if !doc.IsName(c.Name) {
		columns.Src.FailAt(at, "%s gives the column no name: write `a_name: {from: %q, …}`", doc.Brief(key), key)
		return
	}
	if l.Rows.Format == CSVText && !l.Rows.CSV.Header {
		columns.Src.FailAt(at, "%s names a header, but csv.header is false: columns are taken by position", doc.Brief(key))
		return
	}
	c.From = []string{key}
	if l.Rows.Format == JSONL {
		c.From = readPath(columns, key, key)
	}
}

func (l *Load) readRest(o doc.Section) {
	l.Rest = o.Text("rest")
	switch {
	case l.Rest == "":
	case !doc.IsName(l.Rest):
		o.Fail("rest", "is %s, which is not a valid name of a column", doc.Brief(l.Rest))
	case l.Rows.Column(l.Rest) != nil:
		o.Fail("rest", "is %s, which is declared in columns, too: choose another name", doc.Brief(l.Rest))
	case l.Rows.Format == CSVText && !l.Rows.CSV.Header:
		o.Fail("rest", "needs names, but csv.header is false")
	}
}

// maxRevisit is about a year of hours.
const maxRevisit = 10_000

func (l *Load) readStrategy(o doc.Section) {
	l.Strategy = Strategy(o.OneOf("strategy", string(Bulk), string(Manifest), string(TimeSeries)))
	s := o.Sub("timeseries", "by", "start", "end", "revisit")
	if l.Strategy != TimeSeries {
		if o.Has("timeseries") && l.Strategy != "" {
			o.Fail("timeseries", "belongs to strategy timeseries only; this is %s", l.Strategy)
		}
		return
	}
	o.Require("timeseries")
	if o.Has("timeseries") {
		s.Require("by")
	}
	l.Series = &Series{By: PeriodUnit(s.OneOf("by", string(ByDay), string(ByHour), string(ByNumber))), Revisit: s.Number("revisit", 1, 0, maxRevisit)}
	l.Series.Start, l.Series.End = l.Series.readPeriod(s, "start"), l.Series.readPeriod(s, "end")
	if l.Series.Start != nil && l.Series.End != nil && *l.Series.End < *l.Series.Start {
		s.Fail("end", "is before start")
	}
}

func (r *Series) readPeriod(o doc.Section, key string) *Period {
	text := o.Expression(key)
	if text == "" || r.By == "" {
		return nil
	}
	p, err := r.By.Parse(text)
	if err != nil {
		o.Src.FailAt(o.At(key), "%s: %v", doc.Brief(key), err)
		return nil
	}
	return &p
}

func readMaxErrors(o doc.Section) (m MaxErrors) {
	text := o.Expression("max_errors")
	if text == "" {
		return m
	}
	if number, share := strings.CutSuffix(text, "%"); share {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || strings.ContainsAny(number, "eExX_") || !(percent >= 0 && percent <= 100) {
			o.Fail("max_errors", "is %s: use a number of rows, or a share such as 1%%", doc.Brief(text))
		}
		m.Share, _ = strconv.ParseFloat(number+"e-2", 64) // the nearest number: percent / 100 may be the one beside it
		return m
	}
	n, err := strconv.ParseUint(text, 10, 62)
	if err != nil {
		o.Fail("max_errors", "is %s: use a number of rows, or a share such as 1%%", doc.Brief(text))
	}
	m.Rows = int64(n)
	return m
}

// readArchive reads the archive of the load's table. Rows of a time series belong to the days of their objects, unless a column is named.
func (l *Load) readArchive(o doc.Section) {
	byDefault := ""
	if l.Series != nil && (l.Series.By == ByDay || l.Series.By == ByHour) {
		byDefault = PeriodColumn
	}
	switch l.Archive = readArchive(o, byDefault); {
	case l.Archive == nil || len(l.Rows.Columns) == 0:
	case l.Archive.Column == "":
		o.Fail("archive", "needs `column`: the day or time that a row belongs to")
	case l.Archive.Column != byDefault:
		l.Rows.checkKind(o.Src, "archive.column", "column", l.Archive.Column, "a date or timestamp", TimeKinds)
	}
}

func (l *Load) checkTable(o doc.Section) {
	key := "table"
	if l.Table == "" {
		key, l.Table = "load", l.Name
	}
	switch {
	case !doc.IsName(l.Table):
		o.Fail(key, "is %s, which is not a valid name of a table", doc.Brief(l.Table))
	case strings.HasPrefix(l.Table, EventsTable("")):
		o.Fail(key, "is %s: names that begin with %s are those of published streams; name another table", doc.Brief(l.Table), EventsTable(""))
	}
}
