// The reader and the writer of an object's file.

package object

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// buffers is a pool, because objects are often written in blocks larger than the buffer, which bypass it.
var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 256<<10) }}

type fileReader struct {
	*os.File
	size int64
}

func (r *fileReader) Size() int64 { return r.size }

type fileWriter struct {
	ctx              context.Context // of Create: as in a distant store, nothing becomes visible after its end
	folder           *Folder
	name             string
	publish          func(from, to string) error // gives the file its name, durably
	file             *os.File
	buffer           *bufio.Writer // nil once the object is committed or aborted
	size             int64
	writebackStarted int64 // offset up to which early writeback was started
}

// writebackBlock is after how many bytes early writeback starts. A commit then waits only for the last block.
const writebackBlock = 4 << 20

func newFileWriter(ctx context.Context, folder *Folder, name string, file *os.File, publish func(from, to string) error) *fileWriter {
	buffer := buffers.Get().(*bufio.Writer) //nolint:errcheck // the pool contains nothing else
	buffer.Reset(file)
	return &fileWriter{ctx: ctx, folder: folder, name: name, publish: publish, file: file, buffer: buffer}
}

func (w *fileWriter) Write(block []byte) (int, error) {
	if w.buffer == nil {
		return 0, fmt.Errorf("write object %s: %w", w.name, fs.ErrClosed)
	}
	n, err := w.buffer.Write(block)
	if err != nil {
		return n, fmt.Errorf("write object %s: %w", w.name, err)
	}
	if w.size += int64(n); w.size-w.writebackStarted >= writebackBlock {
		startWriting(w.file, w.writebackStarted, w.size-w.writebackStarted)
		w.writebackStarted = w.size
	}
	return n, nil
}

// Commit makes the bytes durable, then the name. After an error the object is either missing or complete.
func (w *fileWriter) Commit() error {
	if w.buffer == nil {
		return fmt.Errorf("commit object %s: %w", w.name, fs.ErrClosed)
	}
	err := cmp.Or(w.finish(), w.ctx.Err())
	if err == nil {
		err = w.makeVisible()
	}
	if err != nil {
		_ = os.Remove(w.file.Name())
		return fmt.Errorf("commit object %s: %w", w.name, err)
	}
	return nil
}

func (w *fileWriter) Abort() error {
	if w.buffer == nil {
		return nil
	}
	w.release()
	if err := errors.Join(w.file.Close(), os.Remove(w.file.Name())); err != nil {
		return fmt.Errorf("abort object %s: %w", w.name, err)
	}
	return nil
}

// finish fsyncs and closes the file. It closes the file after an error, too.
func (w *fileWriter) finish() error {
	err := w.buffer.Flush()
	w.release()
	if err == nil {
		err = w.file.Sync()
	}
	return errors.Join(err, w.file.Close())
}

func (w *fileWriter) makeVisible() error {
	path := w.folder.Path(w.name)
	dir := filepath.Dir(path)
	if err := w.folder.ensureDir(dir); err != nil {
		return err
	}
	return w.publish(w.file.Name(), path)
}

func (w *fileWriter) release() {
	w.buffer.Reset(nil)
	buffers.Put(w.buffer)
	w.buffer = nil
}
