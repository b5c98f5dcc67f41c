// Package warehouse is the vocabulary of the warehouse: the database in which events, artifacts and loads become tables that people
// query with SQL. It owns the interface of its backends and the form of names in them. It must not know where rows come from.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"bursar/internal/column"
	"bursar/internal/failure"
)

// Database is a warehouse. Every backend passes warehousetest.Run.
//
// Write is atomic and durable when it returns: all of fn's effects or none, tables that it creates, changes, replaces and drops included.
// Writes take turns, also those of other processes. After ErrOutcomeUnknown read before anything is repeated: what fn wrote says
// whether it is there, and that does not change any more. Read sees one state, and neither waits for a Write nor stops one, but where
// the backend says so.
//
// fn is called again, from its start, when the connection was lost or another transaction was in the way, so it must have no other effects
// and must forget what it read before. Its error is returned as it is (errors.Is). The error of a server that cannot be reached is
// Transient or Throttled.
type Database interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Reader) error) error
	// Compare is Read with rows of the caller beside the tables. Nothing of it stays.
	Compare(ctx context.Context, fn func(context.Context, Stager) error) error
	// Name returns the name under which a table or a column is stored.
	Name(name string) string
	// Type returns the SQL name of a type. That of timestamps has a zone, or they are stored in UTC (HasZones). That of texts is character
	// varying if blanks at their end do not count when they are compared (ExactTerms).
	Type(t column.Type) string
	Close() error
}

// Reader reads within one transaction. It is for one goroutine and ends with fn.
type Reader interface {
	// Table describes a table or a view of the warehouse's schema, with its columns in order; found is false if there is none.
	Table(ctx context.Context, name string) (t Table, found bool, err error)
	// Query runs a SELECT and calls each with its rows, some thousand at a time, in order, and with no rows if there are none. The
	// vectors are only valid during the call. A value whose type is not a column type is the text that the database prints for it.
	// An error may come after some of the rows.
	Query(ctx context.Context, sql string, each func(columns []Column, rows []column.Vector) error) error
	// Ask is Query for a statement that a person gives, who is not trusted. It refuses any but one statement that reads, and functions
	// that read files or settings, change anything or execute other statements. What is refused, and what the database cannot execute, is
	// a StatementError, whose text may have values. It may change settings of the transaction: the next statement is another Ask.
	Ask(ctx context.Context, sql string, each func(columns []Column, rows []column.Vector) error) error
	// CheckSelect returns the StatementError of a SELECT, which the project declares, that may read files or settings, change anything or
	// execute other statements. Whether it can be executed is not checked.
	CheckSelect(ctx context.Context, sql string) error
}

// Stager is a Reader that keeps rows of the caller until its transaction ends.
type Stager interface {
	Reader
	// Stage keeps rows for the other statements of the transaction, and returns what stands for them after FROM, and how many there are.
	// Errors are those of Append.
	Stage(ctx context.Context, columns []column.Field, rows Rows) (from string, n int64, err error)
}

// Tx reads and writes within one transaction, and sees its own writes.
type Tx interface {
	Stager
	// Create creates an empty table. A column may not be a list.
	Create(ctx context.Context, table string, columns []column.Field) error
	// AddColumns adds columns at the end of a table. They are null in all its rows.
	AddColumns(ctx context.Context, table string, columns []column.Field) error
	// Append adds rows to columns of a table, and returns how many. The others are null. The last vectors are not used after the
	// next ones are asked for. All values arrive exactly as they are, or the error is a ValueError.
	Append(ctx context.Context, table string, columns []column.Field, rows Rows) (int64, error)
	// Index makes it cheap to find rows of a table by the first columns of a list, where the database does not do that without an index.
	// sorted says that rows are appended in the order of these columns. It may be called again.
	Index(ctx context.Context, table string, columns []string, sorted bool) error
	// Replace puts by in the place of table, which may be missing. Views of table read the new rows. If the columns stay the same, so do rights
	// on it and whatever else others have made of it.
	Replace(ctx context.Context, table, by string) error
	// Drop drops a table; a missing one is not an error.
	Drop(ctx context.Context, table string) error
	// Exec runs one statement and returns how many rows it inserted, changed or deleted.
	Exec(ctx context.Context, sql string) (rows int64, err error)
}

// Rows are rows as columns, any number at a time. An error is the last of them.
type Rows = iter.Seq2[[]column.Vector, error]

// Table is a table or a view of a database.
type Table struct {
	Name    string
	View    bool
	Columns []Column
}

// Column returns a column by its stored name, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Column is a column of a table or of a result.
type Column struct {
	Name string
	// Type is the type whose values the column has exactly; its Kind is 0 if there is none.
	Type column.Type
	SQL  string // the type, as the database names it
}

// ErrOutcomeUnknown is in the chain of the error of a Write whose commit was sent and whose answer was lost.
var ErrOutcomeUnknown = errors.New("it is unknown whether the warehouse has committed the transaction")

// ValueError is an error about a value that a database cannot store.
type ValueError struct {
	Table, Column string
	Row           int64 // of the rows that are appended, from 0
	Reason        string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("append to table %s: row %d: column %s: %s", e.Table, e.Row+1, e.Column, e.Reason)
}

// Class is Data: the same value is refused again.
func (e *ValueError) Class() failure.Class { return failure.Data }
