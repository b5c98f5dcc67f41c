// The partitions of a slot, where a query or a program lists them.

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/task"
	"bursar/internal/project"
	questions "bursar/internal/warehouse/ask"
)

// partitions returns the source of the partitions of a job's slot; nil if its declaration lists them.
func (a *App) partitions(j *project.Job, due time.Time) chunk.Source {
	switch {
	case j.Partition.SQL == "" && j.Partition.Command == nil:
		return nil
	case j.Partition.Command != nil:
		return func(ctx context.Context, _ func([]string) error, add func(chunk.Partition) error) error {
			return a.partitionsOfCommand(ctx, j, add)
		}
	}
	return func(ctx context.Context, columns func([]string) error, add func(chunk.Partition) error) error {
		q := &partitionQuery{job: j, columns: columns, add: add}
		executor, err := a.executor(j)
		if err != nil {
			return err
		}
		q.executor = executor
		sql, err := executor.PartitionSQL(due)
		if err != nil {
			return err
		}
		err = a.askWarehouse(ctx, sql, 0, q.take)
		if err != nil && q.mistake == nil {
			err = fmt.Errorf("%s: partition.sql: %w", j.File, err)
		}
		return err
	}
}

// partitionQuery makes partitions of the rows of a query.
type partitionQuery struct {
	job      *project.Job
	executor *task.Executor
	columns  func([]string) error
	add      func(chunk.Partition) error
	names    []string
	key      []int // places of the key's columns
	rows     int
	mistake  error // of the declaration: it names the file and the line itself
}

func (q *partitionQuery) take(columns []questions.Column, rows []column.Vector) error {
	if q.names == nil {
		if err := q.start(columns); err != nil {
			return err
		}
	}
	for i := range rows[0].Len() {
		q.rows++
		p, err := q.partition(rows, i)
		if err != nil {
			return err
		}
		if err := q.add(p); err != nil {
			return err
		}
	}
	return nil
}

// start checks the columns: before a task begins it is known that all have what their templates use.
func (q *partitionQuery) start(columns []questions.Column) error {
	for i := range columns {
		q.names = append(q.names, columns[i].Field.Name)
	}
	if q.mistake = q.executor.Check(q.names); q.mistake != nil {
		return q.mistake
	}
	for _, name := range q.job.Partition.Key {
		at := slices.Index(q.names, name)
		if at < 0 {
			return failure.Wrap(failure.Data, fmt.Errorf("the query has no column %q for the key; it has %s", name, strings.Join(q.names, ", ")))
		}
		q.key = append(q.key, at)
	}
	if q.key == nil {
		for i := range q.names {
			q.key = append(q.key, i)
		}
	}
	return q.columns(q.names)
}

func (q *partitionQuery) partition(rows []column.Vector, i int) (p chunk.Partition, err error) {
	p.Values = make([]*string, len(rows))
	for k := range rows {
		if !rows[k].IsNull(i) {
			text := string(rows[k].AppendPlain(nil, i))
			p.Values[k] = &text
		}
	}
	key := make([]string, len(q.key))
	for k, at := range q.key {
		if p.Values[at] == nil {
			return p, failure.Wrap(failure.Data, fmt.Errorf("row %d: column %s is null, but is part of the key: leave such rows out, or choose other columns with partition.key", q.rows, q.names[at]))
		}
		key[k] = *p.Values[at]
	}
	p.Key, err = keyText(key)
	return p, err
}

// keyText is the text of a key: its value, or the JSON list of its values.
func keyText(values []string) (string, error) {
	if len(values) == 1 {
		return values[0], nil
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(values)
	return strings.TrimSuffix(text.String(), "\n"), err
}

// partitionsOfCommand makes partitions of the lines that a program writes.
func (a *App) partitionsOfCommand(ctx context.Context, j *project.Job, add func(chunk.Partition) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := &lineWriter{}
	lines.add = func(line string) error {
		err := add(chunk.Partition{Key: line})
		if err != nil {
			cancel(err)
		}
		return err
	}
	executor, err := a.executor(j)
	if err != nil {
		return err
	}
	err = executor.List(ctx, lines.take)
	lines.end()
	if err := errors.Join(lines.err, err); err != nil {
		return fmt.Errorf("%s: partition.command: %w", j.File, err)
	}
	return nil
}
