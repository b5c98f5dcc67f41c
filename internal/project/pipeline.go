// The declared pipeline.

package project

import (
	"slices"

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
	Partitions int // number of partitions of each step; 1 by default, at most MaxPartitions

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
