// The declared pipeline: how events become artifacts.

package project

import (
	"slices"

	"bursar/internal/column"
)

// Pipeline is one declared pipeline: how events become artifacts.
type Pipeline struct {
	Name       string
	File       string // path of the pipeline file, as errors name it
	Line       int
	From       []string            // the streams it folds, as declared
	Listed     bool                // `from` is a list: events have a column that names their stream
	Key        []string            // the names of the key columns of artifacts
	Keys       map[string][]string // what the key is made of in each stream: columns and SQL; nil where all have the columns Key
	Reduce     *SQLFile            // makes deltas in place of the folds; nil with folds
	Merge      *SQLFile            // brings deltas and states together; nil with folds
	Mixed      bool                // SQL files may add up amounts of several groups of a control total
	Artifact   []Fold              // in declared order: the artifact's columns
	Exceptions Exceptions
	Conserve   []Conserve
	Backlog    Backlog
	Partitions int // what each step is split into, by key; 1 by default, MaxPartitions at most

	lines  lines // where each key stands in File
	broken bool  // the file has errors, so that binding its expressions would only repeat them
}

// FoldKind says how an artifact column is made.
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

// Fold is one artifact column.
type Fold struct {
	Name  string
	Line  int
	Kind  FoldKind
	Expr  string      // what is summed, compared, picked, or (Is) computed from other artifact columns; empty for count and list
	Items []string    // list: the columns of an element
	By    []string    // first, last, list: the ordering columns
	Keep  int         // list: how many of the last are kept; 0 is all
	Where string      // SQL over the events' columns; empty takes every event
	Mixed bool        `json:"-"`         // sum: amounts of several groups of a control total may be added up; no record depends on it
	Type  column.Type `json:",omitzero"` // Typed: what it is declared as
}

// SQLFile is SQL that a project declares in a file of its own: one SELECT.
type SQLFile struct {
	File string // as errors name it
	Text string
}

// Exceptions says which artifacts are open items. Where is SQL over the artifact columns,
// evaluated when asked; Since names the column an item's age counts from.
type Exceptions struct {
	Where string
	Since string
	Line  int
}

// Conserve binds a control total of the streams to the artifact expression that must move by exactly it (rule 4).
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
	for i := range p.Artifact {
		if p.Artifact[i].Name == name {
			return &p.Artifact[i]
		}
	}
	return nil
}

// KeyOf is what the key is made of in one of the streams, each in the place of the artifact's: a column, or SQL.
func (p *Pipeline) KeyOf(stream string) []string {
	if p.Keys != nil {
		return p.Keys[stream]
	}
	return p.Key
}

// Folds reports whether the pipeline takes in a stream.
func (p *Pipeline) Folds(stream string) bool { return slices.Contains(p.From, stream) }

// SQL is the expression of a fold as SQL. A bare column name is quoted, because names may be SQL keywords;
// the expression of an Is column is SQL already.
func (f *Fold) SQL() string {
	if f.Kind != Is && namePattern.MatchString(f.Expr) {
		return column.QuoteIdentifier(f.Expr)
	}
	return f.Expr
}
