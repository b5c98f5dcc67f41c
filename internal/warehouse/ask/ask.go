// Package ask answers statements of people from a warehouse, with limits: the size of the statement, its time, and the rows that are
// returned. It names the columns of an answer so that all differ. The warehouse itself refuses what does more than read. The package must
// not know how answers are printed or sent.
package ask

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// MaxBytes is the most bytes of a statement. Databases take far more time and memory for a long one than its rows need.
const MaxBytes = 64 << 10

// Question is a statement and its limits.
type Question struct {
	SQL     string
	Rows    int64         // the most rows; 0: all
	Timeout time.Duration // of the whole answer; 0: none
}

// Answer says what was returned.
type Answer struct {
	Columns   []Column
	Rows      int64
	Truncated bool // there are more rows
}

// Column is a column of an answer.
type Column struct {
	// Field has the name, which no other column has, and the type of the values. Values whose type is not one of a column are text.
	Field column.Field
	Type  string // as streams declare it, or the database's name of a type that they do not have
}

// TimeoutError is the error of a statement that takes longer than it may.
type TimeoutError struct{ Timeout time.Duration }

func (e *TimeoutError) Error() string { return fmt.Sprintf("it takes longer than %s", e.Timeout) }

// Class is Data: the same statement takes as long again.
func (e *TimeoutError) Class() failure.Class { return failure.Data }

// Run asks a question. It calls each with the rows of the answer, some thousand at a time, in order; at least once, with no rows if there are
// none. The vectors are only valid during the call.
func Run(ctx context.Context, db warehouse.Database, q Question, each func(columns []Column, rows []column.Vector) error) (Answer, error) {
	if len(q.SQL) > MaxBytes {
		return Answer{}, &warehouse.StatementError{Message: fmt.Sprintf("the statement has %d bytes; %d are the most", len(q.SQL), MaxBytes)}
	}
	if strings.TrimSpace(q.SQL) == "" {
		return Answer{}, &warehouse.StatementError{Message: "there is no statement: give one, such as SELECT * FROM bursar_tables"}
	}
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	if q.Timeout > 0 {
		limited, release := context.WithTimeout(asking, q.Timeout)
		defer release()
		asking = limited
	}
	r := &reader{question: q, each: each, cancel: cancel}
	err := db.Read(asking, func(ctx context.Context, reader warehouse.Reader) error {
		if r.started {
			return errLost // what is returned cannot be taken back, and another state may have other rows
		}
		return reader.Ask(ctx, q.SQL, r.take)
	})
	var stopped *warehouse.StatementError
	switch {
	case r.own != nil:
		return r.answer, r.own
	case r.answer.Truncated:
		return r.answer, nil
	case ctx.Err() != nil:
		return r.answer, ctx.Err()
	case asking.Err() != nil, errors.As(err, &stopped) && stopped.Timeout:
		return r.answer, &TimeoutError{q.Timeout}
	}
	return r.answer, err
}

var errLost = failure.Wrap(failure.Transient, errors.New("the connection to the warehouse was lost while rows were read"))

// reader takes the rows of an answer, up to the most.
type reader struct {
	question Question
	each     func(columns []Column, rows []column.Vector) error
	cancel   context.CancelFunc
	started  bool
	answer   Answer
	own      error // of each
}

func (r *reader) take(described []warehouse.Column, rows []column.Vector) error {
	if !r.started {
		r.started, r.answer.Columns = true, name(described, rows)
	}
	n := int64(rows[0].Len())
	if most := r.question.Rows; most > 0 && r.answer.Rows+n > most {
		r.answer.Truncated = true
		rows = head(rows, int(most-r.answer.Rows))
		n = int64(rows[0].Len())
	}
	r.answer.Rows += n
	if r.own = r.each(r.answer.Columns, rows); r.own != nil {
		return r.own
	}
	if r.answer.Truncated {
		r.cancel() // a server would send all other rows
		return failure.ErrStop
	}
	return nil
}

// head returns the first rows.
func head(rows []column.Vector, n int) []column.Vector {
	first := make([]column.Vector, len(rows))
	for i := range rows {
		first[i] = column.NewVector(rows[i].Type, n)
		for row := range n {
			first[i].AppendFrom(&rows[i], row)
		}
	}
	return first
}

// name gives columns of the same name different ones: a, a_2, a_3.
func name(described []warehouse.Column, rows []column.Vector) []Column {
	all, used, columns := map[string]bool{}, map[string]bool{}, make([]Column, len(described))
	for _, c := range described {
		all[c.Name] = true
	}
	for i, c := range described {
		own := c.Name
		for n := 2; used[own] || n > 2 && all[own]; n++ {
			own = fmt.Sprintf("%s_%d", c.Name, n)
		}
		used[own] = true
		columns[i] = Column{column.Field{Name: own, Type: rows[i].Type}, c.SQL}
		if c.Type.Kind != 0 {
			columns[i].Type = c.Type.String()
		}
	}
	return columns
}
