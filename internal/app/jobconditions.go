// Conditions of tasks (`only_if`). Those of tasks that are executed at the same time are asked in one statement: for the warehouse, a statement
// is much more work than one of its answers.

package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	questions "bursar/internal/warehouse/ask"
)

const (
	// mostConditions bounds the conditions of a statement, and mostConditionBytes their texts: questions.MaxBytes bounds the statement.
	mostConditions     = 200
	mostConditionBytes = questions.MaxBytes * 3 / 4
)

// conditions are those that wait to be asked. Several goroutines may use them.
type conditions struct {
	ask   func(ctx context.Context, sql []string) ([]bool, error)
	turns chan struct{} // one is held by whoever asks: a slow condition does not hold up all others

	mu      sync.Mutex // guards waiting
	waiting []*condition
}

// statementsAtOnce is how many statements with conditions are executed at a time.
const statementsAtOnce = 4

// condition is a query whose answer is true or not.
type condition struct {
	sql  string
	done chan struct{} // closed when it was asked
	yes  bool
	err  error
}

func newConditions(ask func(ctx context.Context, sql []string) ([]bool, error)) *conditions {
	return &conditions{ask: ask, turns: make(chan struct{}, statementsAtOnce)}
}

// isTrue asks whether a condition is true, together with all that wait. If that fails, each of them is asked alone: the fault of one, and the
// end of the context of the one who asks, are not those of the others.
func (c *conditions) isTrue(ctx context.Context, sql string) (bool, error) {
	own := &condition{sql: sql, done: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, own)
	c.mu.Unlock()
	byItself := false
	select {
	case <-own.done:
	case c.turns <- struct{}{}:
		byItself = c.askUntil(ctx, own)
	case <-ctx.Done():
	}
	select {
	case <-own.done:
	case <-ctx.Done():
		return false, context.Cause(ctx) // its answer is of no use to anybody
	}
	if own.err == nil || byItself {
		return own.yes, own.err
	}
	answers, err := c.ask(ctx, []string{sql})
	return err == nil && answers[0], err
}

// askUntil asks what waits, until a condition was asked or others ask it, and gives the turn back. It reports whether it was asked by itself.
func (c *conditions) askUntil(ctx context.Context, own *condition) (byItself bool) {
	defer func() { <-c.turns }()
	for {
		list := c.take()
		if len(list) == 0 {
			return false
		}
		c.askTogether(ctx, list)
		if slices.Contains(list, own) {
			return len(list) == 1
		}
	}
}

// errNotAnswered is the error of conditions that must be asked again: the statement was not executed to its end, or took so long that its
// answers are old.
var errNotAnswered = errors.New("only_if: not answered")

func (c *conditions) askTogether(ctx context.Context, list []*condition) {
	answers, err := []bool(nil), errNotAnswered
	defer func() {
		for i, one := range list {
			if one.err = err; err == nil {
				one.yes = answers[i]
			}
			close(one.done)
		}
	}()
	sql := make([]string, len(list))
	for i, one := range list {
		sql[i] = one.sql
	}
	began := time.Now()
	answers, err = c.ask(ctx, sql)
	if len(list) > 1 && time.Since(began) > publishedMost {
		err = errNotAnswered
	}
}

// take returns the conditions that waited longest and fit into a statement; at least one, if any waits.
func (c *conditions) take() (list []*condition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, size := 0, 0
	for n < min(len(c.waiting), mostConditions) {
		if size += len(c.waiting[n].sql); n > 0 && size > mostConditionBytes {
			break
		}
		n++
	}
	list, c.waiting = c.waiting[:n:n], c.waiting[n:]
	return list
}

// askConditions asks the warehouse several conditions. One that has no row is not true.
func (a *App) askConditions(ctx context.Context, sql []string) (yes []bool, err error) {
	statement := sql[0]
	if len(sql) > 1 {
		statement = "SELECT (" + strings.Join(sql, "\n), (") + "\n)"
	}
	rows := 0
	err = a.askWarehouse(ctx, statement, 2, func(columns []questions.Column, values []column.Vector) error {
		if len(columns) != len(sql) {
			return errNoCondition
		}
		if rows += values[0].Len(); rows > 1 {
			return failure.Wrap(failure.Data, errors.New("only_if: the query has several rows; it must have one or none"))
		}
		for i, c := range columns {
			if c.Field.Type.Kind != column.Bool {
				return errNoCondition
			}
			if values[i].Len() > 0 {
				yes = append(yes, string(values[i].AppendPlain(nil, 0)) == "true")
			}
		}
		return nil
	})
	if err == nil && rows == 0 {
		yes = make([]bool, len(sql))
	}
	return yes, err
}

var errNoCondition = failure.Wrap(failure.Data, errors.New("only_if: the query must have one column, of type bool, as in SELECT status = 'open' FROM …"))
