// Writes a spool to a file.

package spool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// File is what a spool in a folder is written to.
type File interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error // also to a larger size, filled with zeros
}

// fileWriter is the Writer of a file.
type fileWriter struct {
	numbering
	file     File
	fileSize int64
	out      *bufio.Writer
	synced   int64
	err      error
}

// newFileWriter starts a spool in an empty file. The header is durable after the first Sync. After an error the file is closed.
func newFileWriter(file File, h Header) (*fileWriter, error) {
	w := &fileWriter{numbering: numbering{spool: h.Number}, file: file, out: bufio.NewWriterSize(file, 1<<20)}
	pieces, err := w.header(h)
	if err == nil {
		err = w.write(pieces)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write spool header: %w", err), file.Close())
	}
	return w, nil
}

func (w *fileWriter) ID() ID { return ID{Number: w.spool} }

func (w *fileWriter) Append(key string, body []byte) error {
	if w.err != nil {
		return w.err
	}
	pieces, err := w.request(key, body)
	if err != nil {
		return err
	}
	return w.write(pieces)
}

func (w *fileWriter) write(pieces [][]byte) error {
	w.err = w.grow()
	for _, piece := range pieces {
		if w.err == nil {
			_, w.err = w.out.Write(piece)
		}
	}
	if w.err != nil {
		w.err = fmt.Errorf("write spool: %w", w.err)
	}
	return w.err
}

// grow makes the file large enough for its size before any of the last frame is written.
func (w *fileWriter) grow() error {
	if paddedSize(w.size) <= w.fileSize {
		return nil
	}
	w.fileSize = paddedSize(w.size)
	return w.file.Truncate(w.fileSize)
}

func (w *fileWriter) Sync(context.Context) error {
	if w.err != nil {
		return w.err
	}
	if err := w.out.Flush(); err != nil {
		w.err = fmt.Errorf("write spool: %w", err)
	} else if err := w.file.Sync(); err != nil {
		w.err = fmt.Errorf("sync spool: %w", err)
	} else {
		w.synced, w.group = w.size, w.frames
	}
	return w.err
}

// Cut does nothing after an earlier error, since the content of the file is unknown.
func (w *fileWriter) Cut(_ context.Context, size int64) error {
	if w.err != nil {
		return w.err
	}
	w.err = errCut
	size = min(size, w.synced)
	if err := errors.Join(w.file.Truncate(size), w.file.Truncate(paddedSize(size)), w.file.Sync()); err != nil {
		return fmt.Errorf("cut spool: %w", err)
	}
	return nil
}

// errCut is the error of writing to a spool after Cut.
var errCut = errors.New("write spool: it was cut")

func (w *fileWriter) Size() int64 { return w.size }

func (w *fileWriter) Close() error { return w.file.Close() }
