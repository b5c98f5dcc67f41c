// The declared stream, streams that keep versions, and the built-in streams of every project: those of statements.

package project

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// Identities that a stream may declare instead of columns.
const (
	RowID     = "_row"     // digest of the file + row number: for files that are sent once
	ContentID = "_content" // digest of the typed columns + occurrence within the file: for overlapping exports
)

// Stream is one declared stream: the schema of its events and how to read them.
type Stream struct {
	Name   string
	File   string // path of the stream file, as in errors
	Line   int
	Format Format
	CSV    CSV
	// Encoding of text files without a byte order mark; nil is UTF-8.
	Encoding encoding.Encoding
	ID       []string      // column names, or exactly one of RowID, ContentID
	Time     string        // the column with the time of an event; empty if undeclared
	Columns  []Column      // in declared order
	Totals   []Total       // in declared order
	Dedupe   time.Duration // how long an id is kept after its receipt; 0 is forever
	Seal     Seal

	Archive *Archive // of the table in the warehouse; nil: its rows stay there

	Versions bool // the same id with other values is a new version of the event, not a conflict

	Builtin  bool // part of every project, and filled only by `bursar import`; or, if Reported, by refreshes of accounts
	Reported bool // built-in, with events that are accepted one by one

	source
}

// Format is the format of a stream's files.
type Format string

// The formats that a stream may declare; compression is detected from the file name's suffix.
const (
	JSONL   Format = "jsonl"
	CSVText Format = "csv"
	Parquet Format = "parquet"
)

// CSV describes a CSV stream's files.
type CSV struct {
	Delimiter byte // ',' by default
	Header    bool // true by default; without a header columns are identified by position
}

// Seal is when a batch of events that arrive one by one is sealed: at whichever limit is reached first.
type Seal struct {
	Every  time.Duration // after its first event
	Events int64         // about this number of events
	Bytes  int64         // about this number of bytes of requests
}

// DefaultSeal is used by streams that declare no limits.
var DefaultSeal = Seal{Every: time.Second, Events: 1_000_000, Bytes: 256_000_000}

// Column is one typed column of a stream.
type Column struct {
	Name     string
	Line     int
	Type     column.Type
	From     []string       // path into nested JSON or, for CSV and Parquet, one header; defaults to the name
	In       []string       // allowed values of a string column; nil allows all values
	Optional bool           // null is allowed
	Absent   bool           // a CSV or Parquet file may lack it
	Origin   bool           // where the event was read from: the same event may come from elsewhere, so it is neither compared nor folded
	Format   string         // strptime format of a date or timestamp; empty is ISO 8601
	Zone     *time.Location // zone of timestamps written without one; nil is UTC
	Decimal  byte           // decimal mark, '.' by default
	Group    byte           // grouping mark between digits; 0 if there is none
	Is       string         // SQL over the other columns; empty for a column that is read
}

// Total is a control total: the signed sum of a measure, grouped by a column if By is set.
type Total struct {
	Name  string
	Line  int
	Sum   string // a decimal, int or bigint column
	By    string // a required column; empty is none
	Where string // SQL over the columns; empty counts every event
}

// Column finds a column by name, or nil.
func (s *Stream) Column(name string) *Column {
	return findIn(s.Columns, func(c *Column) bool { return c.Name == name })
}

// DerivedID reports whether the stream's identity is computed rather than read from columns.
func (s *Stream) DerivedID() bool {
	return len(s.ID) == 1 && (s.ID[0] == RowID || s.ID[0] == ContentID)
}

// Types returns the name and type of every column without `origin: true`, in declared order.
func (s *Stream) Types() []column.Field {
	return typesOf(s.Columns, func(c *Column) bool { return !c.Origin })
}

// InputTypes returns the types without computed columns, which must not use one another.
func (s *Stream) InputTypes() []column.Field {
	return typesOf(s.Columns, func(c *Column) bool { return c.Is == "" && !c.Origin })
}

func typesOf(columns []Column, wanted func(*Column) bool) (types []column.Field) {
	for i := range columns {
		if c := &columns[i]; wanted(c) {
			types = append(types, column.Field{Name: c.Name, Type: c.Type})
		}
	}
	return types
}

// DerivedIDColumn is the hidden column of batches with a derived identity as 32 hexadecimal digits.
const DerivedIDColumn = "_id"

// IDColumns lists the columns of a batch that identify an event.
func (s *Stream) IDColumns() []string {
	if s.DerivedID() {
		return []string{DerivedIDColumn}
	}
	return s.ID
}

// Total finds a control total by name, or nil.
func (s *Stream) Total(name string) *Total {
	return findIn(s.Totals, func(t *Total) bool { return t.Name == name })
}

// TotalType is the type in which a control total is summed: exact, with the measure's scale (rule 2).
func (s *Stream) TotalType(t *Total) column.Type {
	return column.Type{Kind: column.Decimal, Precision: 38, Scale: s.Column(t.Sum).Type.Scale}
}

//go:embed builtin
var builtin embed.FS

// The built-in streams, which `bursar import` fills.
const (
	StatementStream = "statements"
	EntryStream     = "entries"
	DetailStream    = "details"
	BalanceStream   = "balances"
)

// NameStream contains the names by which entries are matched when they occur again. No declared stream can have its name, and no
// pipeline folds it.
const NameStream = "_names"

// BuiltinStreams are the names of the built-in streams, details first and statements last: the order in which they are filled, so that
// a statement exists only together with all its parts.
var BuiltinStreams = []string{DetailStream, EntryStream, BalanceStream, StatementStream}

// addBuiltin adds the built-in streams, unless the project declares a stream with one of their names.
func (p *Project) addBuiltin() {
	if p.Shadowing() != nil {
		return
	}
	names := append(slices.Clone(BuiltinStreams), NameStream)
	if p.HasConnectors() {
		names = append(names, AccountStreams...)
	}
	for _, name := range names {
		file := "builtin/" + strings.TrimPrefix(name, "_") + ".yaml"
		data, err := builtin.ReadFile(file)
		s, errs := parseStream(file, data)
		if err != nil || len(errs) > 0 {
			panic(fmt.Sprintf("built-in stream %s: %v %v", name, err, errs)) // embedded: valid in every build or in none
		}
		s.Name, s.Builtin, s.Reported = name, true, slices.Contains(AccountStreams, name)
		p.builtin = append(p.builtin, s)
	}
}

// Shadowing returns a declared stream with the name of a built-in one, or nil. If there is one, there are no built-in streams.
func (p *Project) Shadowing() *Stream {
	return find(p.Streams, func(s *Stream) bool {
		return slices.Contains(BuiltinStreams, s.Name) || p.HasConnectors() && slices.Contains(AccountStreams, s.Name)
	})
}

// ReceivedColumn is the hidden column that orders the versions of an event: the number of the file in which each was received, then its
// row there. File numbers grow with receipt, and never change (rules 3 and 6).
const ReceivedColumn = "_received"

// readVersions reads `versions`, which can only be keep. It needs events with an id of their own.
func (s *Stream) readVersions(o doc.Section) bool {
	switch value := o.Text("versions"); {
	case value == "":
	case value != "keep":
		o.Fail("versions", "is %s: it can only be keep", doc.Brief(value))
	case s.DerivedID():
		o.Fail("versions", "needs events with an id of their own: with `id: %s` an event that comes again with other values has another id", s.ID[0])
	default:
		return true
	}
	return false
}

// receivedColumns returns the column that orders versions, by stream that keeps them.
func receivedColumns(streams []*Stream) map[string]string {
	of := map[string]string{}
	for _, s := range streams {
		if s.Versions {
			of[s.Name] = ReceivedColumn
		}
	}
	return of
}

// OrderColumn finds a column that a fold may be ordered by: one of the events, or that of their receipt. It is nil if there is none.
func (e *Events) OrderColumn(name string) *Column {
	for i := range e.IDs {
		if id := &e.IDs[i]; name == ReceivedColumn && id.Name == name {
			return &Column{Name: name, Type: id.Type, Optional: id.Optional}
		}
	}
	return e.Column(name)
}

// SQLTypes returns the name and type of every column that an SQL file may use: those of the events, and ReceivedColumn.
func (e *Events) SQLTypes() []column.Field {
	types := e.Types()
	if c := e.OrderColumn(ReceivedColumn); c != nil {
		types = append(types, column.Field{Name: c.Name, Type: c.Type})
	}
	return types
}

// checkReceived rejects an order by receipt if no versions are kept, or if it would compare file numbers of different streams.
func (e *Events) checkReceived(src *doc.File, path string, before []string) {
	switch {
	case len(receivedColumns(e.Streams)) == 0:
		src.FailAt(path, "%s orders the versions of events, and %s keeps none: declare `versions: keep` there, or name a column", doc.Brief(ReceivedColumn), e.names())
	case e.Several() && !slices.Contains(before, StreamColumn):
		src.FailAt(path, "%s says where an event was received in its own stream, and cannot compare events of several: name %s before it, as in `by: [%s, %s]`",
			doc.Brief(ReceivedColumn), StreamColumn, StreamColumn, ReceivedColumn)
	}
}
