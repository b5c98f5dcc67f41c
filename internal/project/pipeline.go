// The declared pipeline, and the kinds of folds: what may be declared beside each, how each is written, and which declared values they mention.

package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// Pipeline is one declared pipeline: how events become artifacts.
type Pipeline struct {
	Name       string
	File       string // path of the pipeline file, as in errors
	Line       int
	From       []string            // the streams it folds, as declared
	Listed     bool                // `from` is a list: events have a column with the name of their stream
	Key        []string            // the names of the key columns of artifacts
	Keys       map[string][]string // by stream: columns and SQL of the key; nil if all streams have the columns Key
	Reduce     *SQLFile            // makes deltas; nil if folds do
	Merge      *SQLFile            // merges deltas and states; nil if folds do
	Mixed      bool                // SQL files may add up amounts of several groups of a control total
	Artifact   []Fold              // in declared order: the artifact's columns
	Exceptions Exceptions
	Show       []string // the columns that tables on a terminal show; nil for all. No record depends on it.
	Conserve   []Conserve
	Backlog    Backlog
	Partitions int  // number of partitions of each step; 1 by default, at most MaxPartitions
	History    bool // the warehouse has a table of all versions of its artifacts. No record depends on it.

	source
}

// FoldKind is how an artifact column is made.
type FoldKind string

// The folds of DESIGN §6.
const (
	Count  FoldKind = "count"
	Sum    FoldKind = "sum"
	Min    FoldKind = "min"
	Max    FoldKind = "max"
	First  FoldKind = "first"
	Last   FoldKind = "last"
	ListOf FoldKind = "list"
	Is     FoldKind = "is"
	Typed  FoldKind = "type" // made by the SQL files
)

// Fold is one artifact column. Its field names are part of fingerprints: renaming one forces every pipeline to be rebuilt.
type Fold struct {
	Name  string
	Line  int
	Kind  FoldKind
	Expr  string      // what is summed, compared, picked, or (Is) computed from other artifact columns; empty for count and list
	Items []string    // list: the columns of an element
	By    []string    // first, last, list: the ordering columns
	Keep  int         // list: the number of last elements to keep; 0 keeps all
	Where string      // SQL over the events' columns; empty takes every event
	Mixed bool        `json:"-"`         // sum: amounts of several groups of a control total may be added up; no record depends on it
	Type  column.Type `json:",omitzero"` // Typed: the declared type
}

// SQLFile is an SQL file of a project: one SELECT.
type SQLFile struct {
	File string // as in errors
	Text string
}

// Exceptions defines which artifacts are open items. Where is SQL over the artifact columns, evaluated in queries; Since names the
// column from which an item's age is counted.
type Exceptions struct {
	Where string
	Since string
	Line  int
}

// Conserve binds a control total of the streams to the artifact expression that must change by exactly that total (rule 4).
type Conserve struct {
	Total string
	Expr  string
	Line  int
}

// Backlog limits one run.
type Backlog struct {
	MaxBatches int   // 64 by default
	MaxEvents  int64 // 5,000,000 by default
}

// MaxPartitions bounds the partitions of a pipeline.
const MaxPartitions = 256

// Fold finds an artifact column by name, or nil.
func (p *Pipeline) Fold(name string) *Fold {
	return findIn(p.Artifact, func(f *Fold) bool { return f.Name == name })
}

// KeyOf lists the parts of the key in one of the streams, in the order of Key: columns, or SQL.
func (p *Pipeline) KeyOf(stream string) []string {
	if p.Keys != nil {
		return p.Keys[stream]
	}
	return p.Key
}

// Folds reports whether the pipeline folds a stream.
func (p *Pipeline) Folds(stream string) bool { return slices.Contains(p.From, stream) }

// SQL returns the expression of a fold as SQL. A bare column name is quoted, because names may be SQL keywords; the expression of an Is
// column is SQL already.
func (f *Fold) SQL() string {
	if f.Kind != Is && doc.IsName(f.Expr) {
		return column.QuoteIdentifier(f.Expr)
	}
	return f.Expr
}

// FoldForm describes a kind of fold.
type FoldForm struct {
	Kind    FoldKind
	Beside  []string // the keys that may be declared beside it; `by` must be
	Example string   // an artifact column
	Means   string
}

// Folds are the kinds of folds in the order in which they are explained.
var Folds = []FoldForm{
	{Count, []string{"where"}, `refunds: {count: true, where: "type = 'refund'"}`, "the number of events; 0 if there are none"},
	{Sum, []string{"where", "mixed"}, `paid: {sum: amount, where: "type = 'payment'"}`, "the sum of a column or expression, with 38 digits; 0 if there is nothing to add up"},
	{Min, []string{"where"}, `first_at: {min: occurred_at}`, "the least value; null if there is none"},
	{Max, []string{"where"}, `last_at: {max: occurred_at}`, "the greatest value; null if there is none"},
	{First, []string{"by", "where"}, `first_type: {first: type, by: [occurred_at, event_id]}`, "the value of the first event that has one, in the order of `by`; null if none has"},
	{Last, []string{"by", "where"}, `last_type: {last: type, by: [occurred_at, event_id]}`, "the value of the last event that has one, in the order of `by`; null if none has"},
	{ListOf, []string{"by", "keep", "where"}, `lines: {list: [event_id, type, amount], by: occurred_at, keep: 100}`, "one element for each event, in the order of `by`: the `keep` last of them, or all"},
	{Is, nil, `balance: {is: "shipped - paid"}`, "no fold: SQL over the other columns of the artifact"},
	{Typed, nil, `most: {type: "decimal(38,2)"}`, "no fold: a column that the pipeline's SQL files make"},
}

// foldKind returns the kind of an artifact column, or reports that it has none or several.
func foldKind(o doc.Section) FoldKind {
	var kind FoldKind
	for _, k := range Folds {
		switch {
		case !o.Has(string(k.Kind)):
		case kind != "":
			o.Fail(string(k.Kind), "cannot be combined with `%s`: a column is made in one way", kind)
		default:
			kind = k.Kind
		}
	}
	if kind == "" && o.Values != nil && len(o.Misspelt) == 0 {
		o.Src.FailAt(o.Path, "%s has no fold: use one of count, sum, min, max, first, last, list or is (`bursar help folds` explains them); "+
			"type where SQL files make it", o.Title())
	}
	return kind
}

// refuseBeside reports keys that have no effect on this kind of fold, and a missing `by`.
func refuseBeside(o doc.Section, kind FoldKind) {
	at := slices.IndexFunc(Folds, func(f FoldForm) bool { return f.Kind == kind })
	if at < 0 {
		return
	}
	for _, beside := range []struct{ key, fault string }{
		{"by", "belongs to first, last and list only"},
		{"keep", "belongs to list only"},
		{"mixed", "belongs to sum only"},
		{"where", "cannot be combined with `" + string(kind) + "`: write CASE WHEN in the expression"},
	} {
		switch belongs := slices.Contains(Folds[at].Beside, beside.key); {
		case belongs && beside.key == "by":
			o.Require("by")
		case !belongs && o.Has(beside.key):
			o.Fail(beside.key, "%s", beside.fault)
		}
	}
}

const maxUnnamed = 5

// Unnamed returns the values that `in` declares but no fold mentions, of columns of which the folds mention other values. Each is
// described with its column and the place of its declaration.
func (p *Pipeline) Unnamed(streams []*Stream) (values []string) {
	named := func(value string) bool {
		text := "'" + strings.ReplaceAll(value, "'", "''") + "'"
		return slices.ContainsFunc(p.Artifact, func(f Fold) bool {
			return f.Kind != Is && (strings.Contains(f.Where, text) || strings.Contains(f.Expr, text))
		})
	}
	for _, s := range streams {
		for i := range s.Columns {
			c := &s.Columns[i]
			if !slices.ContainsFunc(c.In, named) {
				continue
			}
			for _, value := range c.In {
				if !named(value) && len(values) < maxUnnamed {
					values = append(values, fmt.Sprintf("%s %s (%s:%d)", c.Name, doc.Brief(value), s.File, c.Line))
				}
			}
		}
	}
	return values
}

var literal = regexp.MustCompile(`'(?:[^']|'')*'`)

// NamesDeclared reports whether a fold's condition mentions values, and each of them is a stream or declared by `in` of a column: then
// none is misspelt.
func (p *Pipeline) NamesDeclared(f *Fold, streams []*Stream) bool {
	texts := literal.FindAllString(f.Where, -1)
	declared := func(text string) bool {
		value := strings.ReplaceAll(text[1:len(text)-1], "''", "'")
		return slices.ContainsFunc(streams, func(s *Stream) bool {
			return s.Name == value || slices.ContainsFunc(s.Columns, func(c Column) bool { return slices.Contains(c.In, value) })
		})
	}
	return len(texts) > 0 && !slices.ContainsFunc(texts, func(text string) bool { return !declared(text) })
}
