// Originals that are read once more after an import, for the ids of what each of their statements lists.

package aggregate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// relisted reads originals into files of ids, one for each stream: a line is an id, and 1 where the statement that lists it does not count.
type relisted struct {
	*reading
	gone   map[string]bool // ids of statements that do not count
	rows   *spool
	groups []*relistedGroup
	read   bool // all originals are read
}

// relistedGroup are the rows of one statement, or of its currencies.
type relistedGroup struct {
	first map[string]int64 // by stream: how many rows come before
	of    []relistedStatement
}

type relistedStatement struct{ ID, Currency string }

// newRelisted reads into a folder of its own.
func (r *reading) newRelisted(name string, gone map[string]bool) (*relisted, error) {
	dir := filepath.Join(r.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool rows: %w", err)
	}
	sub := &reading{Importer: r.Importer, dir: dir, rules: r.rules, left: r.bounds(), given: map[digest]given{}, stale: r.stale}
	var err error
	if sub.names, err = newNames(dir); err != nil {
		return nil, err
	}
	l := &relisted{reading: sub, gone: gone}
	if l.rows, err = newSpool(dir, 1, sub.names); err != nil {
		return nil, errors.Join(err, sub.names.close())
	}
	sub.spools = []*spool{l.rows}
	return l, nil
}

// close closes what is still open.
func (l *relisted) close() error {
	if !l.read {
		l.read = true
		return errors.Join(l.rows.close(), l.names.close())
	}
	return l.names.close()
}

// original reads a file that is kept; whole reports whether that could be done to its end.
func (l *relisted) original(ctx context.Context, object, format string) (whole bool, err error) {
	path, err := l.copy(ctx, object)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	l.options = Options{}
	if name, csv := strings.CutPrefix(format, csvFormat); csv {
		l.options.Institution = name
	}
	whole = true
	err = l.each(path, func(name string, head []byte, in io.Reader) error {
		as, refused := l.recognise(head, in)
		if refused != "" {
			return nil // so it was when it was imported
		}
		l.rows.begin()
		t := newTeller(origin{file: name, object: object}, l, l.rules, &l.left, l.given)
		defer t.release()
		if err := as.read(&interruptible{ctx, in}, &relistedHandler{t.handler(), l}); err != nil {
			whole = false
			return errors.Join(ctx.Err(), l.rows.undo())
		}
		l.rows.end(name)
		return nil
	})
	return whole, err
}

// copy has the bytes of an object in a file of the scratch folder.
func (l *relisted) copy(ctx context.Context, object string) (path string, err error) {
	in, err := l.Objects.Open(ctx, object)
	if err != nil {
		return "", fmt.Errorf("read original %s: %w", object, err)
	}
	defer in.Close()
	path = filepath.Join(l.dir, "original")
	out, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("copy original %s: %w", object, err)
	}
	_, err = io.Copy(out, io.NewSectionReader(in, 0, in.Size()))
	if err = errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("copy original %s: %w", object, err)
	}
	return path, nil
}

// relistedHandler begins a group with each statement.
type relistedHandler struct {
	statement.Handler
	to *relisted
}

func (h *relistedHandler) Begin(s *statement.Statement) error {
	g := &relistedGroup{first: map[string]int64{}}
	for stream, f := range h.to.rows.files {
		g.first[stream] = f.rows
	}
	h.to.groups = append(h.to.groups, g)
	return h.Handler.Begin(s)
}

// write takes a row; a statement's says which one the group is.
func (l *relisted) write(stream string, r row) error {
	if stream == project.StatementStream {
		var s relistedStatement
		if err := json.Unmarshal(r, &s); err != nil {
			return fmt.Errorf("read statement again: %w", err)
		}
		g := l.groups[len(l.groups)-1]
		g.of = append(g.of, s)
	}
	return l.rows.write(stream, r)
}

func (l *relisted) open() uint32                  { return l.rows.open() }
func (l *relisted) describe(at uint32, s listing) { l.rows.describe(at, s) }
func (l *relisted) name(n *named) error           { return l.rows.name(n) }

// ids writes the files of ids, by the ids under which entries are stored, and names them by stream.
func (l *relisted) ids(ctx context.Context) (map[string]string, error) {
	l.read = true
	if err := l.rows.close(); err != nil {
		return nil, err
	}
	if _, err := l.resolve(ctx); err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, stream := range project.BuiltinStreams {
		paths[stream] = filepath.Join(l.dir, stream+".ids")
		if err := l.writeIDs(stream, paths[stream]); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func (l *relisted) writeIDs(stream, path string) error {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("spool ids: %w", err)
	}
	to := bufio.NewWriterSize(out, 1<<16)
	at, n := -1, int64(0)
	err = eachLine(l.rows.files[stream].path, func(line []byte) error {
		for at+1 < len(l.groups) && l.groups[at+1].first[stream] <= n {
			at++
		}
		n++
		var row relistedStatement
		if err := json.Unmarshal(line, &row); err != nil {
			return err
		}
		counts := "0"
		if at >= 0 && l.groups[at].isGone(row.Currency, l.gone) {
			counts = "1"
		}
		_, err := fmt.Fprintf(to, "%s,%s\n", row.ID, counts)
		return err
	})
	if err := errors.Join(err, to.Flush(), out.Close()); err != nil {
		return fmt.Errorf("spool ids: %w", err)
	}
	return nil
}

// isGone reports whether the statement that a row of a currency is of does not count.
func (g *relistedGroup) isGone(currency string, gone map[string]bool) bool {
	for _, s := range g.of {
		if len(g.of) == 1 || s.Currency == currency {
			return gone[s.ID]
		}
	}
	return len(g.of) > 0 && gone[g.of[0].ID]
}
