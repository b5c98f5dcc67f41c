// Writes spools.

package spool

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bursar/internal/durable"
)

// Header is the first frame of a spool.
type Header struct {
	Stream string    `json:"stream"`
	Number uint64    `json:"spool"`
	Opened time.Time `json:"opened"` // when its first request was received
}

// File is what a spool is written to.
type File interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error // also to a larger size, filled with zeros
}

// Writer appends requests to a spool. It is for one goroutine. After an error nothing more is written, since the content of the file is only
// known by reading it.
type Writer struct {
	file     File
	number   uint64
	frames   uint32
	group    uint32 // the first frame that is not synced
	fileSize int64  // of the file
	out      *bufio.Writer
	size     int64
	synced   int64
	err      error
}

// Path returns the path of a spool's file.
func Path(dir string, number uint64) string { return pathOf(dir, number, "spool") }

func pathOf(dir string, number uint64, kind string) string {
	return filepath.Join(dir, fmt.Sprintf("%08d.%s", number, kind))
}

// Create creates the file of a spool, empty and durable in its folder. Until the first Sync it may be empty after a crash.
func Create(dir string, number uint64) (File, error) {
	file, err := os.OpenFile(Path(dir, number), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	if err := durable.SyncFolder(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("create spool: %w", err), file.Close())
	}
	return file, nil
}

// NewWriter starts a spool in an empty file. The header is durable after the first Sync. After an error the file is closed.
func NewWriter(file File, h Header) (*Writer, error) {
	w := &Writer{file: file, number: h.Number, out: bufio.NewWriterSize(file, 1<<20)}
	text, err := json.Marshal(h)
	if err == nil {
		err = w.frame(text)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write spool header: %w", err), file.Close())
	}
	return w, nil
}

// Append appends a request. It is durable once Sync has returned.
func (w *Writer) Append(key string, body []byte) error {
	if len(key) > MaxKey {
		return fmt.Errorf("append to spool: the key is %d bytes long: the limit is %d", len(key), MaxKey)
	}
	return w.frame([]byte{byte(len(key))}, []byte(key), body)
}

func (w *Writer) frame(pieces ...[]byte) error {
	if w.err != nil {
		return w.err
	}
	p, err := newPrologue(w.number, w.frames, w.group, pieces...)
	if err != nil {
		return err
	}
	pieces = slices.Insert(pieces, 0, p[:])
	w.frames++
	for _, piece := range pieces {
		w.size += int64(len(piece))
	}
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
func (w *Writer) grow() error {
	if paddedSize(w.size) <= w.fileSize {
		return nil
	}
	w.fileSize = paddedSize(w.size)
	return w.file.Truncate(w.fileSize)
}

// Sync makes everything appended durable.
func (w *Writer) Sync() error {
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

// Cut removes what was appended beyond a size, durably, and ends the writing. After an earlier error it does nothing, since the content of the
// file is unknown.
func (w *Writer) Cut(size int64) error {
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("write spool: it was cut")
	size = min(size, w.synced)
	if err := errors.Join(w.file.Truncate(size), w.file.Truncate(paddedSize(size)), w.file.Sync()); err != nil {
		return fmt.Errorf("cut spool: %w", err)
	}
	return nil
}

// Size returns the size of the spool in bytes.
func (w *Writer) Size() int64 { return w.size }

// Close closes the file. What was not synced may be lost.
func (w *Writer) Close() error { return w.file.Close() }
