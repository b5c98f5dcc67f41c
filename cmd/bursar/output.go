// Prints results: one JSON value, or text for people.

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

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
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write temporary result: %w", err)
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
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
