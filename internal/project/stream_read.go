// Reads streams/*.yaml, and checks its keys against the columns (without binding SQL).

package project

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// parseStream reads a stream file. The stream is never nil, and has its file's name even if everything else is invalid.
func parseStream(file string, data []byte) (*Stream, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "stream", "format", "csv", "encoding", "id", "time", "columns", "totals", "dedupe", "versions", "seal", "archive")
	s := &Stream{Name: nameFromFile(o, "stream"), File: file, source: source{lines: src.Lines}}
	if root != nil || len(src.Errs) == 0 {
		o.Require("stream", "format", "id", "columns")
	}
	s.Line = src.Lines.At("stream")
	s.readFormat(o)
	s.ID, s.Time = o.List("id"), o.Text("time")
	columns := o.Named("columns")
	for _, name := range columns.Keys {
		s.Columns = append(s.Columns, s.readColumn(columns, name))
	}
	totals := o.Named("totals")
	for _, name := range totals.Keys {
		t := totals.Sub(name, "sum", "by", "where")
		t.Require("sum")
		s.Totals = append(s.Totals, Total{
			Name: name, Line: src.Lines.At(t.Path), Sum: t.Text("sum"), By: t.Text("by"), Where: t.Expression("where"),
		})
	}
	s.Dedupe, s.Versions, s.Seal = readDedupe(o), s.readVersions(o), readSeal(o)
	s.Archive = readArchive(o, s.Time)
	s.castInstants()
	s.check(src)
	s.broken = len(src.Errs) > 0
	return s, src.Errs
}

func (s *Stream) readFormat(o doc.Section) {
	format := o.Text("format")
	s.Format = Format(format)
	switch s.Format {
	case JSONL, CSVText, Parquet, "":
	default:
		o.Fail("format", "is %s: use jsonl, csv or parquet", doc.Brief(format))
	}
	s.readText(o)
}

// readText reads how text files are written.
func (s *Stream) readText(o doc.Section) {
	if s.Encoding = readEncoding(o); s.Encoding == unicode.UTF8 {
		s.Encoding = nil
	}
	if o.Has("encoding") && s.Format == Parquet {
		o.Fail("encoding", "belongs to formats jsonl and csv; Parquet files are not text")
	}
	csv := o.Sub("csv", "delimiter", "header")
	if o.Has("csv") && s.Format != CSVText && s.Format != "" {
		o.Fail("csv", "belongs to format csv only; this is %s", o.Text("format"))
	}
	s.CSV = CSV{Delimiter: csv.Mark("delimiter", ','), Header: csv.Flag("header", true)}
}

// readDedupe returns 0 for forever.
func readDedupe(o doc.Section) time.Duration {
	window := o.Text("dedupe")
	if window == "" || window == "forever" {
		return 0
	}
	switch hours := parseAmount(window, map[string]int64{"h": 1, "d": 24}); {
	case hours == 0:
		o.Fail("dedupe", "is %s: use forever, days such as 30d or hours such as 12h", doc.Brief(window))
	case hours > 36500*24: // a hundred years; many more would overflow a duration
		o.Fail("dedupe", "is longer than 36500d: use forever")
	default:
		return time.Duration(hours) * time.Hour
	}
	return 0
}

// readFrom reads where a column's value comes from: its own name, a path into nested JSON, or one header as it is written.
func (s *Stream) readFrom(o doc.Section, name string) []string {
	if o.Has("is") {
		return nil
	}
	from := o.Text("from")
	switch {
	case from == "":
		return []string{name}
	case s.Format == CSVText && !s.CSV.Header:
		o.Fail("from", "names a header, but csv.header is false: columns are taken by position")
		return []string{name}
	case s.Format != JSONL:
		return []string{from}
	}
	return readPath(o, "from", from)
}

// readPath reads a path of property names at a key.
func readPath(o doc.Section, key, text string) []string {
	path := strings.Split(text, ".")
	if slices.Contains(path, "") {
		o.Fail(key, "is %s: a path is property names joined by single dots", doc.Brief(text))
	}
	return path
}

// The bounds of such a batch. Smaller batches cost too much for what they contain, larger ones take too long to recover after a crash.
const (
	minSealEvery  = 100 * time.Millisecond
	maxSealEvery  = 24 * time.Hour
	maxSealEvents = 100_000_000
	minSealBytes  = 1_000_000
	maxSealBytes  = 10_000_000_000
)

// amount matches a number of at most six digits, so that no unit makes it overflow, and its unit.
var amount = regexp.MustCompile(`^([1-9][0-9]{0,5})([a-zA-Z]+)$`)

var (
	timeUnits = map[string]int64{"ms": int64(time.Millisecond), "s": int64(time.Second), "m": int64(time.Minute), "h": int64(time.Hour)}
	sizeUnits = map[string]int64{"MB": 1_000_000, "GB": 1_000_000_000}
)

func readSeal(o doc.Section) Seal {
	o = o.Sub("seal", "every", "events", "bytes")
	every := readAmount(o, "every", int64(DefaultSeal.Every), timeUnits, int64(minSealEvery), int64(maxSealEvery),
		"a time from 100ms to 24h such as 500ms, 1s, 5m or 1h")
	return Seal{
		Every:  time.Duration(every),
		Events: o.Number("events", DefaultSeal.Events, 1, maxSealEvents),
		Bytes:  readAmount(o, "bytes", DefaultSeal.Bytes, sizeUnits, minSealBytes, maxSealBytes, "a size from 1MB to 10GB such as 64MB or 1GB"),
	}
}

// parseAmount multiplies a number by its unit; 0 is not an amount.
func parseAmount(text string, units map[string]int64) int64 {
	m := amount.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // six digits at most
	return n * units[m[2]]
}

// readAmount reads a whole number with a unit, within bounds.
func readAmount(o doc.Section, key string, byDefault int64, units map[string]int64, least, most int64, advice string) int64 {
	if n := o.Values[key]; n != nil && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float") {
		o.Fail(key, "is %s, without a unit: use %s", doc.Brief(n.Value), advice)
		return byDefault
	}
	text := o.Text(key)
	if text == "" {
		return byDefault
	}
	if x := parseAmount(text, units); x >= least && x <= most {
		return x
	}
	o.Fail(key, "is %s: use %s", doc.Brief(text), advice)
	return byDefault
}

// check reports references to missing names. Without columns every reference would be reported, so it reports none.
func (s *Stream) check(src *doc.File) {
	if len(s.Columns) == 0 {
		return
	}
	s.checkID(src)
	s.checkHeaders(src)
	if s.Time != "" {
		s.checkKind(src, "time", "time", s.Time, "a date or timestamp", TimeKinds)
	}
	s.checkArchive(src)
	for _, t := range s.Totals {
		s.checkTotal(src, t)
	}
}

// checkHeaders rejects columns that are read from the same header of CSV files.
func (s *Stream) checkHeaders(src *doc.File) {
	if s.Format != CSVText {
		return
	}
	by := map[string]string{}
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Is != "" || c.Origin || len(c.From) == 0 {
			continue
		}
		if other := by[c.From[0]]; other != "" {
			src.FailAt("columns."+c.Name, "columns %s and %s are both read from header %q: compute one from the other with `is`", doc.Brief(other), doc.Brief(c.Name), c.From[0])
		}
		by[c.From[0]] = c.Name
	}
}

func (s *Stream) checkID(src *doc.File) {
	if s.DerivedID() {
		return
	}
	for i, name := range s.ID {
		path := item("id", i)
		if name == RowID || name == ContentID {
			src.FailAt(path, "`id` %s cannot be combined with other columns", doc.Brief(name))
			continue
		}
		c := s.reference(src, path, name)
		switch {
		case c == nil:
		case c.Is != "":
			src.FailAt(path, "`id` column %s is computed: an id is read", doc.Brief(name))
		default:
			s.checkIdentifying(src, path, "id", c)
		}
	}
}

// checkKind rejects columns that do not exist, whose values may differ between equal events, or that are of other kinds.
func (s *Stream) checkKind(src *doc.File, path, key, name, kind string, kinds []column.Kind) {
	switch c := s.reference(src, path, name); {
	case c == nil:
	case c.Origin:
		src.FailAt(path, "`%s` column %s says where an event was read from: the same event may come from elsewhere", key, doc.Brief(c.Name))
	case !IsKind(c.Type, kinds...):
		src.FailAt(path, "`%s` must be %s column; %s is %s", key, kind, doc.Brief(c.Name), c.Type)
	}
}

// checkIdentifying rejects columns that may be null, or whose values cannot distinguish events.
func (s *Stream) checkIdentifying(src *doc.File, path, key string, c *Column) {
	if c.Optional && !c.Origin {
		src.FailAt(path, "`%s` column %s is optional: it must be required", key, doc.Brief(c.Name))
		return
	}
	s.checkDistinct(src, path, key, c)
}

// checkDistinct rejects columns whose values cannot distinguish events or artifacts.
func (s *Stream) checkDistinct(src *doc.File, path, key string, c *Column) {
	switch {
	case c.Origin:
		src.FailAt(path, "`%s` column %s says where an event was read from: the same event may come from elsewhere", key, doc.Brief(c.Name))
	case c.Type.Kind == column.JSON:
		src.FailAt(path, "`%s` column %s is json: equal values can be written differently", key, doc.Brief(c.Name))
	}
}

func (s *Stream) checkTotal(src *doc.File, t Total) {
	path := "totals." + t.Name
	if t.Sum != "" {
		s.checkKind(src, path+".sum", "sum", t.Sum, "a decimal, int or bigint", NumberKinds)
	}
	if t.By != "" {
		if c := s.reference(src, path+".by", t.By); c != nil {
			s.checkIdentifying(src, path+".by", "by", c)
		}
	}
}

// reference finds a column, or reports that it does not exist.
func (s *Stream) reference(src *doc.File, path, name string) *Column {
	c := s.Column(name)
	if c == nil {
		src.FailAt(path, "no column %s in stream %s%s", doc.Brief(name), s.Name, doc.DidYouMean(name, namesOf(s.Columns, columnName)))
	}
	return c
}

// item is the path of an item of a list; if the list is a single text, its line is that of the key.
func item(key string, i int) string { return fmt.Sprintf("%s.%d", key, i) }

// IsKind reports whether a type is of one of the kinds. It is also true for a type that is not declared correctly, which has been reported.
func IsKind(t column.Type, kinds ...column.Kind) bool {
	return t.Kind == 0 || slices.Contains(kinds, t.Kind)
}
