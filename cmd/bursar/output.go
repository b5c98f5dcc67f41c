// Printing results: one JSON value, or text for people.

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

// output prints a command's result on out; everything else goes to err.
type output struct {
	out, err io.Writer
	json     bool
}

// result prints value with --json, else what human writes.
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

// list prints {name: […], …more} with --json, where fill adds the items. They wait in a file until all are there, as a
// list may be longer than memory and standard output stays empty when a command fails.
func (o *output) list(name string, more map[string]any, fill func(add func(item any) error) error) error {
	tmp, err := os.CreateTemp("", "bursar-*.json")
	if err != nil {
		return fmt.Errorf("hold back result: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // what is left of it is the system's to clear
	defer tmp.Close()
	w := bufio.NewWriter(tmp)
	if err := writeList(w, name, more, fill); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("hold back result: %w", err)
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("hold back result: %w", err)
	}
	return o.print(tmp)
}

func writeList(w *bufio.Writer, name string, more map[string]any, fill func(add func(item any) error) error) error {
	fmt.Fprintf(w, "{%q:[", name)
	first := true
	err := fill(func(item any) error {
		if !first {
			fmt.Fprint(w, ",")
		}
		first = false
		return embed(w, item)
	})
	if err != nil {
		return err
	}
	fmt.Fprint(w, "]")
	for key, value := range more {
		fmt.Fprintf(w, ",%q:", key)
		if err := embed(w, value); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "}")
	return nil
}

// encode writes JSON as people read it: < and & stand for themselves.
func encode(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// embed writes JSON without a line end.
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

// remoteTerminal is the terminal of another process.
type remoteTerminal struct {
	io.Writer
	width int
}

// width is how many columns a terminal at w shows; 0 when w is none.
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
