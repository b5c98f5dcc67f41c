// Scans a file: rows are cut in order, parsed by several workers and returned in order.

package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"bursar/internal/project"
)

// Options configure a scan. The zero value is valid.
type Options struct {
	Workers    int               // parsing goroutines; 0 is one per processor
	BlockBytes int               // text of a block in bytes; 0 is 1 MiB
	TempDir    string            // for rows longer than MaxLine and unpacked Parquet; empty is the system's
	Limits     Limits            // of compressed files; zero is DefaultLimits
	Progress   func(bytes int64) // called with the bytes read so far, from another goroutine; may be nil
	Tee        io.Writer         // gets the bytes of the input as they are read, from another goroutine; not of Parquet; may be nil
	Shared     bool              // memory is reused by all such scans of the plan: for many small files
}

// File is one file being scanned. Next, Recycle and Close are for one goroutine at a time.
type File struct {
	name       string
	plan       *Plan
	options    Options
	header     []byte
	undeclared []string
	source     *source
	feed       feed
	order      chan *task    // in file order; bounds how far parsing may run ahead
	work       chan *task    // the same tasks, for any free worker
	stop       chan struct{} // closed by Close
	wg         sync.WaitGroup
	current    *task
	err        error
	closed     bool
	*pool

	scannersMu sync.Mutex
	scanners   []scanner // of this file, for reuse
}

// feed returns the jobs of a file in order, then io.EOF or why there are no more.
type feed interface{ next() (job, error) }

// job makes blocks and sends them until send returns false.
type job struct {
	run   func(send func(*Block) bool) error
	large bool // needs so much memory that nothing should be read until it is done
}

// task is a job and its blocks. err is set before out is closed.
type task struct {
	job  job
	out  chan *Block
	done chan struct{}
	err  error
}

// Scan starts scanning the file in the format of the plan's stream, uncompressed or, by its suffix, gzip or zstd. An invalid header is an
// error that names the file. The input stays open until the scan is closed.
func (in *Input) Scan(plan *Plan, options Options) (*File, error) {
	if options.Workers <= 0 {
		options.Workers = runtime.GOMAXPROCS(0)
	}
	if options.BlockBytes <= 0 {
		options.BlockBytes = 1 << 20
	}
	if options.Limits == (Limits{}) {
		options.Limits = DefaultLimits
	}
	f := &File{
		name: in.path, plan: plan, options: options, pool: &pool{plan: plan},
		order: make(chan *task, options.Workers), work: make(chan *task, options.Workers+1), stop: make(chan struct{}),
	}
	if options.Shared {
		f.pool = &plan.files
	}
	var err error
	if f.source, err = newSource(in, options); err != nil {
		return nil, err
	}
	if plan.format == project.Parquet {
		f.feed, err = f.openParquet()
	} else {
		f.feed, err = f.openText()
	}
	if err != nil {
		return nil, errors.Join(err, f.source.Close())
	}
	f.start()
	return f, nil
}

// Header returns the header record of a CSV file without its line end, with which Plan.Parse reads single rows; nil if there is none.
func (f *File) Header() []byte { return f.header }

// Undeclared returns the columns of a CSV file with a header, or of a Parquet file, that the stream does not declare.
func (f *File) Undeclared() []string { return f.undeclared }

func (f *File) start() {
	f.wg.Go(f.read)
	for range f.options.Workers {
		f.wg.Go(func() {
			for t := range f.work {
				f.do(t)
			}
		})
	}
}

// read passes out jobs until the feed ends. The last task only contains the error.
func (f *File) read() {
	defer close(f.work)
	for {
		j, err := f.feed.next()
		t := &task{job: j, out: make(chan *Block, 1), done: make(chan struct{})}
		if err != nil {
			t.err = err
			close(t.out)
		}
		select {
		case f.order <- t:
		case <-f.stop:
			t.drop()
			return
		}
		if err != nil {
			return
		}
		select {
		case f.work <- t:
		case <-f.stop:
			t.drop()
			close(t.out)
			return
		}
		if j.large {
			select {
			case <-t.done:
			case <-f.stop:
				return
			}
		}
	}
}

// drop removes the files of a task that will not run.
func (t *task) drop() {
	if t.job.run == nil {
		return
	}
	_ = t.job.run(func(b *Block) bool {
		b.removeFiles()
		return false
	})
}

func (f *File) do(t *task) {
	t.err = t.job.run(func(b *Block) bool {
		select {
		case t.out <- b:
			return true
		case <-f.stop:
			return false
		}
	})
	close(t.out)
	close(t.done)
}

// Next returns the next block of rows. It returns io.EOF at the end; a *ReadError if the file cannot be read further, after all rows
// before the fault; or the context's error, after which Next may be called again.
func (f *File) Next(ctx context.Context) (*Block, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for f.err == nil {
		if f.current == nil {
			select {
			case f.current = <-f.order:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		select {
		case b, ok := <-f.current.out:
			if ok {
				f.noteSize(b)
				return b, nil
			}
			f.err, f.current = f.current.err, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, f.err
}

// Close ends the scan. Files of rows that Next did not return are removed.
func (f *File) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	if f.err == nil {
		f.err = fmt.Errorf("scan %s: %w", f.name, os.ErrClosed)
	}
	close(f.stop)
	f.wg.Wait()
	f.discard()
	return f.source.Close()
}

// discard removes what the blocks that Next did not return left behind. Every task has ended.
func (f *File) discard() {
	close(f.order)
	drop := func(t *task) {
		for b := range t.out {
			b.removeFiles()
		}
	}
	if f.current != nil {
		drop(f.current)
	}
	for t := range f.order {
		drop(t)
	}
}

func (b *Block) removeFiles() {
	for i := range b.Rejects {
		if name := b.Rejects[i].RawFile; name != "" {
			_ = os.Remove(name) // a leftover in the temporary folder loses no data
		}
	}
}
