// Reads streams/*.yaml.

package project

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"
)

// parseStream reads a stream file. The stream is never nil, and has its file's name even if everything else is invalid.
func parseStream(file string, data []byte) (*Stream, []Error) {
	src := newSourceFile(file)
	root := src.root(data)
	o := src.section(root, "", "stream", "format", "csv", "encoding", "id", "time", "columns", "totals", "dedupe", "versions", "seal")
	s := &Stream{Name: o.nameFromFile("stream"), File: file, lines: src.lines}
	if root != nil || len(src.errs) == 0 {
		o.require("stream", "format", "id", "columns")
	}
	s.Line = src.lines.at("stream")
	s.readFormat(o)
	s.ID, s.Time = o.list("id"), o.text("time")
	columns := o.named("columns")
	for _, name := range columns.keys {
		s.Columns = append(s.Columns, s.readColumn(columns, name))
	}
	totals := o.named("totals")
	for _, name := range totals.keys {
		t := totals.sub(name, "sum", "by", "where")
		t.require("sum")
		s.Totals = append(s.Totals, Total{
			Name: name, Line: src.lines.at(t.path), Sum: t.text("sum"), By: t.text("by"), Where: t.expression("where"),
		})
	}
	s.Dedupe, s.Versions, s.Seal = readDedupe(o), s.readVersions(o), readSeal(o)
	s.castInstants()
	s.check(src)
	s.broken = len(src.errs) > 0
	return s, src.errs
}

func (s *Stream) readFormat(o section) {
	format := o.text("format")
	s.Format = Format(format)
	switch s.Format {
	case JSONL, CSVText, Parquet, "":
	default:
		o.fail("format", "is %s: use jsonl, csv or parquet", brief(format))
	}
	if s.Encoding = readEncoding(o); s.Encoding == unicode.UTF8 {
		s.Encoding = nil
	}
	if o.has("encoding") && s.Format == Parquet {
		o.fail("encoding", "belongs to formats jsonl and csv; Parquet files are not text")
	}
	csv := o.sub("csv", "delimiter", "header")
	if o.has("csv") && s.Format != CSVText && s.Format != "" {
		o.fail("csv", "belongs to format csv only; this is %s", format)
	}
	s.CSV = CSV{Delimiter: csv.mark("delimiter", ','), Header: csv.flag("header", true)}
}

var dedupeWindow = regexp.MustCompile(`^([1-9][0-9]{0,5})([dh])$`)

// readDedupe returns 0 for forever. Six digits of days would overflow a duration: 36,500 days are a hundred years.
func readDedupe(o section) time.Duration {
	window := o.text("dedupe")
	if window == "" || window == "forever" {
		return 0
	}
	m := dedupeWindow.FindStringSubmatch(window)
	if m == nil {
		o.fail("dedupe", "is %s: use forever, days such as 30d or hours such as 12h", brief(window))
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	if m[2] == "d" {
		n *= 24
	}
	if n > 36500*24 {
		o.fail("dedupe", "is longer than 36500d: use forever")
		return 0
	}
	return time.Duration(n) * time.Hour
}

// readFrom reads where a column's value comes from: its own name, a path into nested JSON, or one header as it is written.
func (s *Stream) readFrom(o section, name string) []string {
	if o.has("is") {
		return nil
	}
	from := o.text("from")
	switch {
	case from == "":
		return []string{name}
	case s.Format == CSVText && !s.CSV.Header:
		o.fail("from", "names a header, but csv.header is false: columns are taken by position")
		return []string{name}
	case s.Format != JSONL:
		return []string{from}
	}
	path := strings.Split(from, ".")
	for _, step := range path {
		if step == "" {
			o.fail("from", "is %s: a path is property names joined by single dots", brief(from))
			break
		}
	}
	return path
}
