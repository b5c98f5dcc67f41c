// Package archive moves rows of tables of the warehouse, a period at a time, into Parquet objects and back. A table has up to three tiers: hot
// rows are in the warehouse, warm ones in objects that the view of the table reads, cold ones in smaller objects that nothing reads until they are
// restored. Rows leave a tier only after their copy was read back, and its count, control totals and digest are theirs (rule 4). Each move is one
// transaction of the warehouse, with its row of the journal (bursar_archive), so that after a crash a period is in one tier or the other.
// It must not know what tables are made of, nor when they are archived.
package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// Tier is where rows are.
type Tier string

// The tiers.
const (
	Hot  Tier = "hot"
	Warm Tier = "warm"
	Cold Tier = "cold"
)

// Archiver archives tables and restores them. It is safe for concurrent use.
type Archiver struct {
	ProjectID string // journals of another project are refused
	Objects   object.Store
	Copies    Copies       // nil: the database reads no files, so there is no warm tier
	Scratch   string       // a folder
	Duck      duck.Options // of sessions that read and write files
	Now       func() time.Time
	// Open returns the warehouse, which stays open. It is called for every move: a warehouse may be away for a while.
	Open func(context.Context) (warehouse.Database, error)
}

// Copies provides objects as files that views read. A file stays until Keep does not name its object.
type Copies interface {
	// Path returns the path of an object's file.
	Path(d object.Description) string
	// Fill makes the files of objects available, with exactly their bytes.
	Fill(ctx context.Context, list []object.Description) error
	// Keep removes the files of other objects.
	Keep(list []object.Description) error
}

// Table is a table of the warehouse, with how it is archived.
type Table struct {
	Name     string
	Columns  []column.Field // all that the table has
	Order    []string       // columns in whose order rows are written
	Source   string         // a column with the number of what a row was made of, or its day or time; empty if there is none
	Totals   []Total
	Declared *project.Archive // nil: nothing more is archived
	Update   string           // the command that gives the table the columns that are declared
	Again    string           // what fills the table again without its archive: the command, and from what
}

// Total is a control total: the sum of a column, by group if By is set.
type Total struct {
	Name string `json:"name"`
	Sum  string `json:"sum"`
	By   string `json:"by,omitempty"`
}

func (t *Table) field(name string) (column.Field, bool) {
	i := slices.IndexFunc(t.Columns, func(c column.Field) bool { return c.Name == name })
	if i < 0 {
		return column.Field{}, false
	}
	return t.Columns[i], true
}

// fields are the columns as they are in objects: null is allowed in all, because somebody may have changed the table.
func (t *Table) fields() []column.Field {
	list := slices.Clone(t.Columns)
	for i := range list {
		list[i].Required = false
	}
	return list
}

// checkColumns refuses a table that has other columns than those that are known: their values would not come back.
func (t *Table) checkColumns(ctx context.Context, db warehouse.Database, r warehouse.Reader) (found bool, err error) {
	stored, found, err := r.Table(ctx, t.Name)
	if err != nil || !found {
		return found, err
	}
	known := map[string]bool{}
	for _, c := range t.Columns {
		name := db.Name(c.Name)
		known[name] = true
		if s := stored.Column(name); s == nil || s.SQL != db.Type(c.Type) {
			return true, failure.Wrap(failure.Data, fmt.Errorf("column %s of table %s is not in the warehouse as it is declared: run `%s` before", c.Name, t.Name, t.Update))
		}
	}
	for _, c := range stored.Columns {
		if !known[c.Name] {
			return true, failure.Wrap(failure.Data, fmt.Errorf("somebody has added column %s to table %s: it would not come back from the archive; drop it", c.Name, t.Name))
		}
	}
	return true, nil
}

// UnbalancedError reports that a copy of rows is not what they are, or that rows in the archive are not those that were moved there (rule 4).
type UnbalancedError struct {
	failure.Unbalanced

	Table  string
	Period Period
	What   string // the copy
	Want   Summary
	Got    Summary
}

func (e *UnbalancedError) Error() string {
	return fmt.Sprintf("control totals do not balance: %s, %s of table %s: %s", e.Period, e.What, e.Table, e.Want.difference(e.Got))
}

// withNext adds the next step to the error about a part whose rows do not come back.
func (t *Table) withNext(err error) error {
	switch {
	case failure.Of(err).Retryable():
	case object.IsDamage(err):
		return fmt.Errorf("%w; put the object back from a copy, or give its rows up: %s", err, t.Again)
	case errors.As(err, new(*UnbalancedError)):
		return fmt.Errorf("%w; if somebody has made a trigger, a rule or a policy on the table, drop it; else %s", err, t.Again)
	}
	return err
}

// workspace makes a folder for the files of one move.
func (a *Archiver) workspace() (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp(a.Scratch, "part-"); err != nil {
		return "", nil, fmt.Errorf("make folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil // what stays is removed when the project is opened
}

// session opens a session that reads and writes files of workspaces.
func (a *Archiver) session() (*duck.Session, error) {
	o := a.Duck
	o.Scratch = a.Scratch
	return duck.Open(o)
}
