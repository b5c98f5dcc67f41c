// The declared model: a table or a view of the warehouse that one SELECT defines, with tests of its rows.

package project

import (
	"fmt"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// Model is one declared model. Its SQL has not been parsed.
type Model struct {
	Name        string
	File        string // path of the file, as in errors
	Line        int    // of the name
	Materialize Materialization
	Key         []string // incremental: the columns that identify a row
	Depends     []string // tables that the SQL refers to, beside those that are found in it
	Parameters  []Parameter
	Tests       []ModelTest
	Incomplete  bool   // it is made although periods of a table that it reads are archived, and not read
	SQL         string // with empty lines in place of the header, so that its lines are those of the file

	source
}

// Materialization is what a model is in the warehouse.
type Materialization string

// What models can be.
const (
	AsTable       Materialization = "table"       // made again at each run
	AsView        Materialization = "view"        // evaluated by each query
	AsIncremental Materialization = "incremental" // a table in which the rows of a run replace those with the same key
)

// Parameter is a typed value that a model's SQL uses as :name.
type Parameter struct {
	Name    string
	Type    column.Type
	Default string // as it is written
	Given   bool   // there is a default
	Line    int
}

// TestKind is what a test checks.
type TestKind string

// The tests of models.
const (
	NotNull  TestKind = "not_null" // no column is null
	Unique   TestKind = "unique"   // no two rows have the same values in all columns, where none is null
	Accepted TestKind = "accepted" // the column is null or has one of some values
	Balanced TestKind = "balanced" // a column adds up to what a query returns, for each group
)

// ModelTest is one test of a model's rows.
type ModelTest struct {
	Kind    TestKind
	Name    string // unique among the model's tests
	Warn    bool   // failing rows are reported, and do not stop the run
	Columns []string
	Values  []string // accepted: literals of SQL
	Sum     string   // balanced: the column that is added up
	Equals  string   // balanced: a SELECT of the groups, if there are any, and what the sum must be
	Total   string   // balanced: in place of Equals, a stream and its control total, such as sales.amount
	By      []string // balanced: the columns of a group
	Line    int
}

// Model finds a model by name, or nil.
func (p *Project) Model(name string) *Model {
	return find(p.Models, func(m *Model) bool { return m.Name == name })
}

// Parameter finds a parameter by name, or nil.
func (m *Model) Parameter(name string) *Parameter {
	return findIn(m.Parameters, func(p *Parameter) bool { return p.Name == name })
}

// checkModels reports tests against control totals that do not exist.
func (p *Project) checkModels() (errs []doc.Error) {
	for _, m := range p.Models {
		for i := range m.Tests {
			if reason := p.checkTotal(&m.Tests[i]); reason != "" {
				errs = append(errs, doc.Error{File: m.File, Line: m.Tests[i].Line, Message: reason})
			}
		}
	}
	return errs
}

// ControlTotal returns the control total that a balanced test names, and its stream; nil if there is none.
func (p *Project) ControlTotal(t *ModelTest) (*Stream, *Total) {
	stream, name, _ := strings.Cut(t.Total, ".")
	s := p.Stream(stream)
	if s == nil {
		return nil, nil
	}
	total := s.Total(name)
	return s, total
}

// checkTotal returns what is wrong with the control total of a test, or "".
func (p *Project) checkTotal(t *ModelTest) string {
	if t.Total == "" {
		return ""
	}
	_, total := p.ControlTotal(t)
	switch {
	case total == nil:
		var known []string
		for _, s := range p.AllStreams() {
			known = append(known, namesOf(s.Totals, func(total *Total) string { return s.Name + "." + total.Name })...)
		}
		return fmt.Sprintf("there is no control total %s: write the names of a stream and of one of its totals, such as payments.amount%s", doc.Brief(t.Total), doc.DidYouMean(t.Total, known))
	case total.By != "" && len(t.By) != 1:
		return fmt.Sprintf("the control total %s has groups: name the column of the model with its %s in `by`", doc.Brief(t.Total), doc.Brief(total.By))
	case total.By == "" && len(t.By) > 0:
		return fmt.Sprintf("the control total %s has no groups: leave out `by`", doc.Brief(t.Total))
	}
	return ""
}
