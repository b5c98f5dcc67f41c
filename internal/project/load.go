// The declared load: which objects become rows of a table of the warehouse, and how.

package project

import (
	"math/big"
	"strconv"

	"bursar/internal/column"
	"bursar/internal/schedule"
)

// Load is one declared load.
type Load struct {
	Name string
	File string // path of the load file, as in errors
	Line int
	From string // a folder or the beginning of paths, relative to the project folder, or s3://bucket/prefix

	Match  string   // a pattern that names must match; empty is all
	Format Format   // JSONObjects or one of those of streams
	Array  []string // the path to the list of each object whose elements are the rows; nil: the objects are
	Rows   *Stream  // the columns that are read, and the CSV dialect and encoding of the files

	Rest      string // the json column of all undeclared properties; empty is none
	Table     string
	Strategy  Strategy
	Series    *Series // with TimeSeries
	MaxErrors MaxErrors
	Schedule  schedule.Schedule // when it is executed without a command
	Archive   *Archive          // of the table in the warehouse; nil: its rows stay there

	source
}

// JSONObjects is the format of files with JSON objects: one, a list or any number after one another, each on one line or several.
const JSONObjects Format = "json"

// Strategy is which objects a load reads, and what becomes of the rows that are in the table.
type Strategy string

// The strategies.
const (
	Bulk       Strategy = "bulk"       // all objects, whose rows replace the table
	Manifest   Strategy = "manifest"   // objects that were not loaded before, whose rows are added
	TimeSeries Strategy = "timeseries" // the objects from a period on, whose rows replace those from this period on
)

// PeriodColumn is the column of a time series' table with the period of a row's object.
const PeriodColumn = "_period"

// Series is how the objects of a time series are sorted.
type Series struct {
	By         PeriodUnit
	Start, End *Period // the first and the last period that are loaded; nil: there is none
	Revisit    int64   // how many of the last periods are compared with the objects again
}

// Includes reports whether a period is loaded.
func (r *Series) Includes(p Period) bool {
	return (r.Start == nil || p >= *r.Start) && (r.End == nil || p <= *r.End)
}

// MaxErrors is how many rows of a load may be rejected: a number, or a share of all rows.
type MaxErrors struct {
	Rows  int64
	Share float64 // 0: Rows decides
}

// Exceeded reports whether more rows are rejected than allowed, of all rows of a load. A share is compared exactly, as it is written: binary
// floating point would refuse 29 of 100 rows at 29%.
func (m MaxErrors) Exceeded(rejected, rows int64) bool {
	if m.Share == 0 {
		return rejected > m.Rows
	}
	allowed, _ := new(big.Rat).SetString(strconv.FormatFloat(m.Share, 'g', -1, 64)) // a number
	return new(big.Rat).SetInt64(rejected).Cmp(allowed.Mul(allowed, new(big.Rat).SetInt64(rows))) > 0
}

// Fields returns the columns of the load's table that contain what the objects contain.
func (l *Load) Fields() []column.Field {
	fields := make([]column.Field, 0, len(l.Rows.Columns)+1)
	for i := range l.Rows.Columns {
		c := &l.Rows.Columns[i]
		fields = append(fields, column.Field{Name: c.Name, Type: c.Type})
	}
	if l.Rest != "" {
		fields = append(fields, column.Field{Name: l.Rest, Type: column.Type{Kind: column.JSON}})
	}
	return fields
}

// Load finds a load by name, or nil.
func (p *Project) Load(name string) *Load {
	return find(p.Loads, func(l *Load) bool { return l.Name == name })
}
