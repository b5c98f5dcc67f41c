// Reading objects: several at a time, their rows in the order of the objects.

package load

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/semaphore"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/project"
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
