// Prints results: one JSON value, text for people, or a file that appears when it is complete; and progress bars on standard error.

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"bursar/internal/failure"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// output prints the result of a command on out. Everything else goes to err.
type output struct {
	out, err io.Writer
	json     bool
}

// result prints value with --json; otherwise it prints what human writes.
func (o *output) result(value any, human func(w io.Writer)) error {
	var text bytes.Buffer
	if o.json {
		if err := encode(&text, value); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
	} else {
		human(&text)
	}
	return o.print(&text)
}

// spool prints what write writes. It is written to a temporary file first: it may be larger than memory, and standard output must stay
// empty when a command fails.
func (o *output) spool(write func(w *bufio.Writer) error) error {
	tmp, err := os.CreateTemp("", "bursar-*")
	if err != nil {
		return fmt.Errorf("write temporary result: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // the system clears what cannot be removed
	defer tmp.Close()
	w := bufio.NewWriter(tmp)
	if err := write(w); err != nil {
		return err
	}
	if err = w.Flush(); err == nil {
		_, err = tmp.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("write temporary result: %w", err)
	}
	return o.print(tmp)
}

// encode writes JSON without escaping < and &.
func encode(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// embed writes JSON without a line feed at the end.
func embed(w io.Writer, value any) error {
	var text bytes.Buffer
	if err := encode(&text, value); err != nil {
		return err
	}
	_, err := w.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	return err
}

func (o *output) print(r io.Reader) error {
	if _, err := io.Copy(o.out, r); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// remoteTerminal writes to the terminal of another process, whose width is known.
type remoteTerminal struct {
	io.Writer
	width int
}

// width returns the number of columns of the terminal at w, or 0 if w is not a terminal.
func width(w io.Writer) int {
	if s, ok := w.(remoteTerminal); ok {
		return s.width
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 80
	}
	return columns
}

// replaceFile writes a new file and renames it to path when it is complete and durable. A device or a pipe is written
// directly.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return failure.Wrap(failure.Data, fmt.Errorf("write %s: it is a directory", path))
	case err == nil && !info.Mode().IsRegular():
		return writeTo(path, os.O_WRONLY, write)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write %s: %w", path, err)
	}
	if folder := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return failure.Wrap(failure.Data, fmt.Errorf("write %s: folder %s does not exist; create it, or write to another folder", path, folder))
		}
	}
	partial := fmt.Sprintf("%s.%d-%s.partial", path, os.Getpid(), rand.Text()[:6])
	if err := writeTo(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, write); err != nil {
		return errors.Join(err, discard(partial))
	}
	if err := os.Rename(partial, path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), discard(partial))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name in a folder durable. File systems that cannot do so are left alone.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return nil //nolint:nilerr // a folder that can be written to need not be readable
	}
	_ = folder.Sync()
	return folder.Close()
}

func writeTo(path string, flags int, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	err = write(f)
	if err == nil && flags&os.O_CREATE != 0 {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func discard(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove unfinished file: %w", err)
	}
	return nil
}

// progressBar is a progress bar. Errors of the terminal are ignored.
type progressBar struct{ *progressbar.ProgressBar }

// meter makes a progress bar over a total number of units, such as bytes or events. Without a terminal it shows nothing.
func (o *output) meter(what, unit string, total int64) *progressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(o.err), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(24),
		progressbar.OptionSetVisibility(width(o.err) > 0 && total > 0),
	}
	if unit == "bytes" {
		options = append(options, progressbar.OptionShowBytes(true))
	} else {
		options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit))
	}
	return &progressBar{progressbar.NewOptions64(total, options...)}
}

// set moves the bar.
func (m *progressBar) set(n int64) { _ = m.Set64(min(n, m.GetMax64())) }

// done removes the bar.
func (m *progressBar) done() {
	_ = m.Exit()
	_ = m.Clear()
}

// readProgress adds up the bytes read from several files, one after another.
type readProgress struct {
	mu           sync.Mutex
	before, last int64
}

// overall returns the bytes read from all files, given the offset in the current file. An offset smaller than the last one
// means that the next file has begun.
func (p *readProgress) overall(n int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < p.last {
		p.before += p.last
	}
	p.last = n
	return p.before + n
}
