// Reading objects: several at a time, their rows in the order of the objects.

package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/semaphore"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

const (
	// largeObject is the size from which on an object is parsed by several goroutines.
	largeObject = 8 << 20
	// minAhead is how many small objects are open at a time, at least: a distant store answers slowly.
	minAhead = 16
	// blockBytes is the text of a block of rows.
	blockBytes = 512 << 10
)

// reading reads the rows of objects once. It is for one goroutine.
type reading struct {
	run     *run
	ctx     context.Context
	objects []Object
	number  int64 // of the load
	before  int64 // rows that were rejected by earlier groups of the load

	done     []object // whose rows were all read
	rows     int64
	rejected rejects
	err      error          // of the object that ended the reading
	faults   []*objectFault // of objects that Validate has passed over
	unknown  map[string]bool

	names   column.Vector // of the current object, for the rows of a block
	lines   column.Vector
	loads   column.Vector
	periods column.Vector

	// Where the rows are that were passed on last, for an error about one of them.
	block blockPlace
}

type blockPlace struct {
	object string
	first  int64 // the number of its first row
	lines  []int64
}

// read starts reading objects for the load of a number.
func (r *run) read(ctx context.Context, objects []Object, number, before int64) *reading {
	rd := &reading{run: r, ctx: ctx, objects: objects, number: number, before: before, unknown: map[string]bool{}}
	rd.rejected.dir = r.l.config.Scratch
	rd.names, rd.lines, rd.loads = newVector(column.String), newVector(column.BigInt), newVector(column.BigInt)
	if s := r.declared.Series; s != nil {
		rd.periods = newVector(periodKinds[s.By])
	}
	return rd
}

func newVector(kind column.Kind) column.Vector { return column.NewVector(column.Type{Kind: kind}, 0) }

// each yields the rows of all objects with the columns of the table. An error of an object ends them, and is kept.
func (rd *reading) each(yield func([]column.Vector, error) bool) {
	ctx, cancel := context.WithCancel(rd.ctx)
	defer cancel()
	ahead := rd.open(ctx)
	defer func() {
		cancel()
		for o := range ahead {
			<-o.ready
			o.close()
		}
	}()
	for o := range ahead {
		<-o.ready
		more, err := rd.object(ctx, o, yield)
		o.close()
		if rd.passOver(err) {
			continue
		}
		if err != nil {
			rd.err = err
			yield(nil, err)
			return
		}
		if !more {
			return
		}
	}
	if rd.err = ctx.Err(); rd.err != nil {
		yield(nil, rd.err)
	}
}

// passOver notes an object that cannot be read, for Validate.
func (rd *reading) passOver(err error) bool {
	var fault *objectFault
	if !rd.run.validating || !errors.As(err, &fault) {
		return false
	}
	rd.faults = append(rd.faults, fault)
	rd.run.result.LeftOut = append(rd.run.result.LeftOut, LeftOut{fault.object, fault.err.Error()})
	return true
}

// opened is an object that is being read, from ready on.
type opened struct {
	listed  Object
	ready   chan struct{}
	in      Reader
	file    *scan.File
	hash    *xxh3.Hasher // nil: there is no digest
	err     error
	release func()
}

func (o *opened) close() {
	if o.file != nil {
		o.err = errors.Join(o.err, o.file.Close())
		o.file = nil
	}
	if o.in != nil {
		o.err = errors.Join(o.err, o.in.Close())
		o.in = nil
	}
	o.release()
}

// open opens the objects ahead, in order, as many as memory is planned for.
func (rd *reading) open(ctx context.Context) <-chan *opened {
	workers := rd.run.l.config.Workers
	ahead := int64(max(minAhead, 2*workers))
	slots, out := semaphore.NewWeighted(ahead), make(chan *opened, ahead)
	progress := rd.progress()
	go func() {
		defer close(out)
		for _, listed := range rd.objects {
			weight, parsers := int64(1), 1
			if listed.Size >= largeObject {
				weight, parsers = ahead/2, workers
			}
			if ctx.Err() != nil || slots.Acquire(ctx, weight) != nil {
				return
			}
			o := &opened{listed: listed, ready: make(chan struct{}), release: sync.OnceFunc(func() { slots.Release(weight) })}
			out <- o // has room: there are no more than the slots
			go func() {
				defer close(o.ready)
				o.err = rd.start(ctx, o, parsers, progress)
			}()
		}
	}()
	return out
}

// start opens an object and begins to parse it.
func (rd *reading) start(ctx context.Context, o *opened, parsers int, progress func(read int64)) (err error) {
	if o.in, err = rd.run.source.Open(ctx, o.listed); err != nil {
		return err
	}
	last := int64(0)
	options := scan.Options{Workers: parsers, BlockBytes: blockBytes, TempDir: rd.run.l.config.Scratch, Shared: true, Progress: func(read int64) {
		progress(read - last)
		last = read
	}}
	switch {
	case rd.run.declared.Format != project.Parquet:
		o.hash = xxh3.New()
		options.Tee = o.hash
	case o.listed.ETag == "": // a Parquet file is not read in order
		o.hash = xxh3.New()
		if _, err := io.Copy(o.hash, io.NewSectionReader(o.in, 0, o.listed.Size)); err != nil {
			return err
		}
	}
	o.file, err = scan.InputFrom(o.listed.Name, o.in, o.listed.Size).Scan(rd.run.rows, options)
	return err
}

// progress returns a function that reports more bytes that were read.
func (rd *reading) progress() func(more int64) {
	report := rd.run.options.Progress
	if report == nil {
		return func(int64) {}
	}
	var read atomic.Int64
	total := rd.run.totalBytes()
	done := rd.run.result.Bytes // of earlier groups
	return func(more int64) { report(Progress{Read: done + read.Add(more), Total: total}) }
}

// object yields the rows of an object.
func (rd *reading) object(ctx context.Context, o *opened, yield func([]column.Vector, error) bool) (more bool, err error) {
	if o.err != nil {
		return false, rd.explain(o, o.err)
	}
	done := object{Object: o.listed, Number: rd.number}
	if err := rd.beginObject(&done); err != nil {
		return false, err
	}
	for {
		b, err := o.file.Next(ctx)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return false, rd.explain(o, err)
		}
		if err := rd.reject(b, &done); err != nil {
			return false, err
		}
		columns, rows, err := rd.rejectRefused(b, &done)
		if err != nil {
			return false, err
		}
		if n := int64(len(rows)); n > 0 {
			done.Rows += n
			rd.block = blockPlace{o.listed.Name, rd.rows, rd.block.lines}
			rd.rows += n
			if !yield(rd.vectors(columns, rows), nil) {
				rd.block.lines = append(rd.block.lines[:0], rows...)
				return false, nil
			}
		}
		o.file.Recycle(b)
	}
	if err := o.in.Unchanged(); err != nil {
		return false, rd.explain(o, err)
	}
	if o.hash != nil {
		if err := o.file.Close(); err != nil { // all bytes are hashed then
			return false, rd.explain(o, err)
		}
		done.Digest = digestText(o.hash)
	}
	rd.done = append(rd.done, done)
	return true, nil
}

// beginObject prepares the columns that have the same value in all rows of an object.
func (rd *reading) beginObject(o *object) error {
	rd.names.Reset()
	rd.loads.Reset()
	if s := rd.run.declared.Series; s != nil {
		p, err := periodOf(s.By, o.Name)
		if err != nil {
			return err
		}
		o.Period = s.By.Text(p)
		rd.periods.Reset()
	}
	return nil
}

// vectors adds the columns of where rows are from.
func (rd *reading) vectors(columns []column.Vector, rows []int64) []column.Vector {
	n := len(rows)
	rd.lines.Reset()
	rd.lines.Ints = append(rd.lines.Ints, rows...)
	name := []byte(rd.block.object)
	for rd.loads.Len() < n {
		rd.names.AppendText(name)
		rd.loads.AppendInt(rd.number)
	}
	all := append(columns[:len(columns):len(columns)], first(&rd.names, n), rd.lines, first(&rd.loads, n))
	if s := rd.run.declared.Series; s != nil {
		p, _ := periodOf(s.By, rd.block.object) // beginObject has checked it
		for rd.periods.Len() < n {
			rd.periods.AppendInt(periodValue(s.By, p))
		}
		all = append(all, first(&rd.periods, n))
	}
	return all
}

// periodValue is a period as a value of its column.
func periodValue(by project.PeriodUnit, p project.Period) int64 {
	if by == project.ByHour {
		return int64(p) * 3600 * 1e6
	}
	return int64(p)
}

// first returns the first n values of a column without nulls.
func first(v *column.Vector, n int) column.Vector {
	part := *v
	if part.Ends != nil {
		part.Ends = part.Ends[:n]
		part.Bytes = part.Bytes[:part.Ends[n-1]]
	} else {
		part.Ints = part.Ints[:n]
	}
	return part
}

// reject keeps the rejected rows of a block, and ends the load when there are too many of them.
func (rd *reading) reject(b *scan.Block, o *object) error {
	for _, name := range b.Unknown {
		if rd.run.declared.Rest == "" && len(rd.unknown) < scan.MaxUnknown {
			rd.unknown[name] = true
		}
	}
	for i := range b.Rejects {
		if err := rd.rejected.add(o.Name, &b.Rejects[i]); err != nil {
			return err
		}
		o.Rejected++
	}
	return rd.checkRejected()
}

// checkRejected fails if too many rows are rejected, whatever follows.
func (rd *reading) checkRejected() error {
	if allowed := rd.run.declared.MaxErrors; allowed.Share == 0 && !rd.run.validating && allowed.Exceeded(rd.before+rd.rejected.count, 0) {
		return rd.run.tooMany(rd.rejected.first, rd.before+rd.rejected.count, 0)
	}
	return nil
}

// objectFault is an error about an object.
type objectFault struct {
	object  string
	err     error
	damaged bool // reading it again gives the same error
}

func (e *objectFault) Error() string { return objectError(e.object, e.err).Error() }
func (e *objectFault) Unwrap() error { return e.err }

// explain says which object an error is about.
func (rd *reading) explain(o *opened, err error) error {
	if ctxErr := rd.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if errors.Is(err, ErrGone) || errors.Is(err, ErrReplaced) {
		cause := ErrGone
		if errors.Is(err, ErrReplaced) {
			cause = ErrReplaced
		}
		return &objectFault{object: o.listed.Name, err: cause}
	}
	var read *scan.ReadError
	if errors.As(err, &read) && !failure.Of(err).Retryable() {
		if o.in != nil && o.in.Unchanged() != nil { // it was cut while it was read
			return &objectFault{object: o.listed.Name, err: ErrReplaced}
		}
		return &objectFault{object: o.listed.Name, err: failure.Wrap(failure.Data, fmt.Errorf("row %d: %s", read.Row, read.Reason())), damaged: true}
	}
	return objectError(o.listed.Name, err)
}

// locate makes an error of the database about a row one about its place.
func (rd *reading) locate(err error) error {
	var value *warehouse.ValueError
	if !errors.As(err, &value) {
		return err
	}
	i := value.Row - rd.block.first
	if i < 0 || i >= int64(len(rd.block.lines)) {
		return err
	}
	return &refusedRow{rd.block.object, rd.block.lines[i], value.Column, value.Reason}
}
