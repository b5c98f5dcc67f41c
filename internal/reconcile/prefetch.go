package reconcile

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/fold"
	"bursar/internal/object"
)

// prefetch brings the state of just the keys that the delta touches: index lookup, then coalesced byte ranges of parts.
func (e *Engine) prefetch(ctx context.Context, plan *fold.Plan, run *Run) (int64, error) {
	keys, err := e.deltaKeys(ctx, plan, run)
	if err != nil {
		return 0, err
	}
	var entries []artifact.Entry
	err = e.Index.Find(ctx, run.space(), run.Run-1, keys, func(i int, entry artifact.Entry) error {
		entry.Key = keys[i]
		entries = append(entries, entry)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find state: %w", err)
	}
	fields := append(append([]column.Field{}, plan.Key...), plan.RecordFields()...)
	states := make([]*stateTable, e.Workers)
	for w := range states {
		out := e.table(run.objectName("state", w), fields)
		states[w] = &stateTable{table: out, buffer: column.NewVectors(typesOf(fields), 0)}
	}
	err = artifact.Fetch(ctx, e.Objects, run.space(), entries, e.Workers, func(w, i int, record []byte) error {
		return states[w].take(ctx, record, entries[i])
	})
	run.State = nil
	for _, s := range states {
		if err != nil {
			s.abort()
			continue
		}
		objects, ended := s.end(ctx)
		run.State = append(run.State, objects...)
		err = errors.Join(err, ended)
	}
	return int64(len(entries)), err
}

// deltaKeys lists the delta's keys as the index knows them, ascending.
func (e *Engine) deltaKeys(ctx context.Context, plan *fold.Plan, run *Run) ([][]byte, error) {
	session, err := e.views(ctx, map[string]string{"delta": e.tableSQL(run.Delta, append(append([]column.Field{}, plan.Key...), plan.Delta...))})
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var keys [][]byte
	var memory []byte
	err = session.Query(ctx, "SELECT "+fold.Names(plan.Key)+" FROM delta", func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			if cap(memory)-len(memory) < 1<<10 {
				memory = make([]byte, 0, 1<<20)
			}
			start := len(memory)
			memory = artifact.AppendKey(memory, rows, i)
			key := memory[start:len(memory):len(memory)]
			if len(keys) > 0 && bytes.Compare(keys[len(keys)-1], key) >= 0 {
				return fmt.Errorf("bug: the delta is not sorted by key")
			}
			keys = append(keys, key)
		}
		return nil
	})
	return keys, err
}

// stateTable decodes one worker's records into its table.
type stateTable struct {
	*table
	buffer []column.Vector
}

func (s *stateTable) take(ctx context.Context, record []byte, entry artifact.Entry) error {
	if err := decode(record, s.buffer, s.buffer[0].Len(), entry); err != nil {
		return err
	}
	if s.buffer[0].Len() >= 1<<11 {
		return s.pass(ctx)
	}
	return nil
}

func (s *stateTable) pass(ctx context.Context) error {
	err := s.add(ctx, s.buffer)
	for i := range s.buffer {
		s.buffer[i].Reset()
	}
	return err
}

func (s *stateTable) end(ctx context.Context) ([]object.Description, error) {
	if err := s.pass(ctx); err != nil {
		return nil, err
	}
	return s.finish()
}

func typesOf(fields []column.Field) []column.Type {
	types := make([]column.Type, len(fields))
	for i, f := range fields {
		types[i] = f.Type
	}
	return types
}
