// Tests of a warehouse on a server whose connection fails at every message in turn.

package warehousetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// faultyWarehouse is a warehouse behind a network with faults.
type faultyWarehouse struct {
	Database warehouse.Database
	Direct   warehouse.Database // the same tables, without faults
	// Fail injects the fault at the nth message from now on, 0 for none, and closes the channel when this message has come.
	Fail    func(n int) (fired <-chan struct{})
	Cut     func() // cuts all connections
	Deliver func() // passes on the message that was delayed
}

// runFaults makes writes and reads with a fault at each of their messages in turn: the connection is cut, and the client notices it when the
// server has ended the session. Afterwards all of a write's effects are there or none, and its error says which unless it is
// warehouse.ErrOutcomeUnknown. A read returns the rows as they are.
func runFaults(t *testing.T, open func(t *testing.T) faultyWarehouse) {
	for name, test := range map[string]func(t *testing.T, f faultyWarehouse){
		"writes": faultyWrites, "reads": faultyReads, "a result that breaks off": brokenResult,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func hasFired(fired <-chan struct{}) bool {
	select {
	case <-fired:
		return true
	default:
		return false
	}
}

// load creates a table with rows, and an entry of a journal with the number of the table.
type load struct{ number int }

const (
	loadBlocks = 3
	loadRows   = 40 // of a block
)

var (
	loadColumns    = []column.Field{field("n", "bigint"), field("text", "string")}
	longText       = strings.Repeat("of some length ", 100) // so that the rows are several messages
	journalColumns = []column.Field{field("loaded", "bigint")}
)

func (l load) table() string { return fmt.Sprintf("loaded_%d", l.number) }

func (l load) write(ctx context.Context, tx warehouse.Tx) error {
	if err := tx.Create(ctx, l.table(), loadColumns); err != nil {
		return err
	}
	n, err := tx.Append(ctx, l.table(), loadColumns, func(yield func([]column.Vector, error) bool) {
		for b := range loadBlocks {
			block := column.NewVectors(column.Types(loadColumns), 0)
			for i := range loadRows {
				block[0].AppendInt(int64(b*loadRows + i))
				block[1].AppendText([]byte(longText))
			}
			if !yield(block, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if n != loadBlocks*loadRows {
		return fmt.Errorf("%d rows are appended", n)
	}
	_, err = tx.Exec(ctx, fmt.Sprintf("INSERT INTO journal VALUES (%d)", l.number))
	return err
}

// isThere reports whether a load is there: all of it, exactly once, or nothing.
func (l load) isThere(t *testing.T, db warehouse.Database) (there bool) {
	t.Helper()
	var found bool
	var got []string
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) (err error) {
		if _, found, err = r.Table(ctx, l.table()); err != nil {
			return err
		}
		entries := fmt.Sprintf("SELECT count(*) FROM journal WHERE loaded = %d", l.number)
		if got, err = rowsIn(ctx, r, entries); err != nil || !found {
			return err
		}
		all, err := rowsIn(ctx, r, "SELECT count(*), count(DISTINCT n), max(n) FROM "+l.table())
		got = append(got, all...)
		return err
	}))
	const rows = loadBlocks * loadRows
	all, none := []string{"1", fmt.Sprintf("%d|%[1]d|%d", rows, rows-1)}, []string{"0"}
	if there = slices.Equal(got, all); !there && (found || !slices.Equal(got, none)) {
		t.Errorf("%s: table found %v, journal and rows %q: a part is written", l.table(), found, got)
	}
	return there
}

// repeat makes a load, as those do who have read whether it is there.
func (l load) repeat(t *testing.T, f faultyWarehouse) {
	t.Helper()
	if !l.isThere(t, f.Direct) {
		write(t, f.Database, l.write)
	}
	if !l.isThere(t, f.Direct) {
		t.Errorf("%s is not there after it was repeated", l.table())
	}
}

func createJournal(t *testing.T, f faultyWarehouse) {
	t.Helper()
	write(t, f.Direct, func(ctx context.Context, tx warehouse.Tx) error { return tx.Create(ctx, "journal", journalColumns) })
}

func faultyWrites(t *testing.T, f faultyWarehouse) {
	createJournal(t, f)
	unknown, messages, fires := 0, 0, true
	for n := 1; fires; n++ {
		l := load{n}
		fired := f.Fail(n)
		err := f.Database.Write(t.Context(), l.write)
		if fires = hasFired(fired); fires {
			messages = n
		}
		f.Fail(0)
		there, isUnknown := l.isThere(t, f.Direct), errors.Is(err, warehouse.ErrOutcomeUnknown)
		switch {
		case isUnknown && failure.Of(err) == failure.Transient:
			unknown++
		case err != nil || !there:
			t.Errorf("fault at message %d: written %v, %v: want it repeated", n, there, err)
		}
		l.repeat(t, f)
	}
	t.Logf("%d messages, of which %d left the outcome unknown", messages, unknown)
	if unknown == 0 {
		t.Error("no fault hit the commit")
	}
}

func faultyReads(t *testing.T, f faultyWarehouse) {
	createJournal(t, f)
	load{1}.repeat(t, f)
	fires := true
	for n := 1; fires; n++ {
		fired := f.Fail(n)
		var found bool
		var lines []string
		err := f.Database.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) (err error) {
			if _, found, err = r.Table(ctx, "loaded_1"); err != nil {
				return err
			}
			lines, err = rowsIn(ctx, r, "SELECT n FROM loaded_1 ORDER BY n")
			return err
		})
		fires = hasFired(fired)
		if err != nil || !found || len(lines) != loadBlocks*loadRows || lines[0] != "0" {
			t.Errorf("fault at message %d: found %v, %d rows, %v: want it repeated", n, found, len(lines), err)
		}
	}
}

// brokenResult cuts the connection when the first of many rows have arrived.
func brokenResult(t *testing.T, f faultyWarehouse) {
	const factor = 1000
	vectors := column.NewVectors(column.Types(numberColumns), 0)
	for i := range factor {
		vectors[0].AppendInt(int64(i))
	}
	create(t, f.Direct, "factors", numberColumns, vectors...)
	calls, sum := 0, int64(0)
	must(t, f.Database.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		calls++
		sum = 0
		return r.Query(ctx, "SELECT a.n * 1000 + b.n AS n FROM factors a, factors b", func(_ []warehouse.Column, rows []column.Vector) error {
			if calls == 1 && sum == 0 {
				f.Cut()
			}
			for _, n := range rows[0].Ints {
				sum += n
			}
			return nil
		})
	}))
	const most = factor*factor - 1
	if calls != 2 || sum != most*(most+1)/2 {
		t.Errorf("after %d calls the sum is %d", calls, sum)
	}
}

// runLateCommit delays a commit until its write has ended: it happens before that, or never.
func runLateCommit(t *testing.T, f faultyWarehouse) {
	createJournal(t, f)
	l := load{1}
	err := f.Database.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		defer f.Fail(1)
		return l.write(ctx, tx)
	})
	if !errors.Is(err, warehouse.ErrOutcomeUnknown) || failure.Of(err) != failure.Transient {
		t.Errorf("a commit without an answer: %v", err)
	}
	before := l.isThere(t, f.Direct)
	f.Deliver()
	write(t, f.Direct, func(context.Context, warehouse.Tx) error { return nil }) // its turn comes when the other one has ended
	if l.isThere(t, f.Direct) != before {
		t.Error("the commit happened after it was read that it had not")
	}
	l.repeat(t, f)
}

// runStalled lets the server fall silent at each message in turn: the context ends a write.
func runStalled(t *testing.T, f faultyWarehouse) {
	createJournal(t, f)
	fires := true
	for n := 1; fires; n++ {
		l := load{n}
		ctx, cancel := context.WithCancel(t.Context())
		fired, done := f.Fail(n), make(chan error)
		go func() { done <- f.Database.Write(ctx, l.write) }()
		var err error
		select {
		case <-fired:
			cancel()
			err = <-done
		case err = <-done:
			fires = false
		}
		cancel()
		if isUnknown := errors.Is(err, warehouse.ErrOutcomeUnknown); fires && !errors.Is(err, context.Canceled) && !isUnknown || !fires && err != nil {
			t.Errorf("stalled at message %d: %v", n, err)
		}
		f.Fail(0)
		f.Cut()
		l.repeat(t, f)
	}
}
