// Reads originals once more after an import, for the ids of what each of their statements lists.

package cancel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/aggregate/rules"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
)

// relisting reads originals into one file of ids for each stream. A line is an id, and 1 if the statement that lists it
// does not count, else 0.
type relisting struct {
	*Adjustment
	dir       string // of its own files
	budget    rows.Limits
	bindings  map[identity.Digest]rules.Binding
	names     *rows.NameSpool
	uncounted map[string]bool // ids of statements that do not count
	rows      *rows.Spool
	groups    []*relistedGroup
	allRead   bool // all originals are read

	parts map[string][]imported.Part // by object of which all parts are read; those that were refused list nothing that was ingested

	contradicted map[[2]string]bool // quarantined entries by object and id: a statement does not list what is stored under these ids

	siblings          map[identity.Digest]bool  // entries of bases of which some were cancelled
	cancelledBalances map[string]bool           // ids of cancelled balances
	restorable        map[string]restorableRows // by stream
	slots             *rows.File                // slots of entries that are not stored
}

// relistedGroup are the rows of one statement, or of all its currencies.
type relistedGroup struct {
	firstRows  map[string]int64 // by stream: how many rows come before
	statements []relistedRow
}

type relistedRow struct{ ID, Currency, Entry, Object string }

func (r *Adjustment) newRelisted(name string, uncounted map[string]bool) (*relisting, error) {
	dir, err := os.MkdirTemp(r.Dir, name)
	if err != nil {
		return nil, fmt.Errorf("spool rows: %w", err)
	}
	l := &relisting{
		Adjustment: r, dir: dir, budget: r.Limits, bindings: map[identity.Digest]rules.Binding{}, uncounted: uncounted,
		siblings: map[identity.Digest]bool{}, restorable: map[string]restorableRows{},
	}
	for _, stream := range listedStreams {
		l.restorable[stream] = restorableRows{}
	}
	if l.names, err = rows.NewNameSpool(dir); err != nil {
		return nil, err
	}
	if l.rows, err = rows.NewSpool(dir, 1, l.names); err != nil {
		return nil, errors.Join(err, l.names.Close())
	}
	return l, nil
}

// endReading closes the spool of rows once all originals are read.
func (l *relisting) endReading() error {
	if l.allRead {
		return nil
	}
	l.allRead = true
	return l.rows.Close()
}

func (l *relisting) close() error { return errors.Join(l.endReading(), l.names.Close()) }

// readOriginal reads parts of an original and lists those that could not be read to their end. A part that was refused
// at its import is not among the members, because nothing of it was ingested.
func (l *relisting) readOriginal(ctx context.Context, original string, parts members) (list []unreadPart, err error) {
	read, faults := map[string]bool{}, map[string]error{}
	files := l.Objects.Files()
	defer files.Release()
	path := files.Path(object.Description{Name: original})
	in, err := l.Objects.Open(ctx, original)
	if err == nil {
		err = errors.Join(in.Close(), files.Pin(ctx))
	}
	if err != nil {
		faults[""] = fmt.Errorf("read original %s: %w", original, err)
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, faults[""]
		}
		return parts.unread(original, read, faults), nil
	}
	known := l.parts[original]
	err = l.Files.EachPart(path, "original", func(part format.Part) error {
		if parts == nil && len(known) > 0 {
			skip := known[0].Refused != ""
			if known = known[1:]; skip {
				return nil
			}
		}
		_, name, _ := strings.Cut(part.Name, "/")
		as, wanted := parts[name]
		if parts != nil && !wanted && part.Err == nil {
			return nil
		}
		institution := l.Institution
		if parts != nil {
			institution = statement.CSVInstitution(as.format)
		}
		fault, err := l.readPart(ctx, original, institution, part)
		if fault != nil {
			faults[name] = fault
		} else {
			read[name] = true
		}
		return err
	})
	return parts.unread(original, read, faults), err
}

// readPart reads one part of an original. fault is an error in the file or in the declarations; any other error stops the import.
func (l *relisting) readPart(ctx context.Context, object, institution string, part format.Part) (fault, err error) {
	groups := len(l.groups)
	l.rows.Begin()
	t := rows.NewBuilder(rows.Origin{File: part.Name, Object: object}, l.write, l.names, l.Rules, &l.budget, l.bindings)
	defer t.Release()
	part.In = format.WithContext(ctx, part.In, nil)
	err = part.Read(l.Project.Institutions, institution, l.dir, &relistedHandler{t, l})
	switch {
	case err != nil && (ctx.Err() != nil || failure.Of(err) != failure.Data):
		return nil, fmt.Errorf("read original %s: %w", object, err)
	case err != nil:
		l.groups = l.groups[:groups]
		return errors.New(statement.Brief(err.Error(), statement.MaxTextLength)), l.rows.Undo()
	}
	l.rows.End(part.Name)
	return nil, nil
}

type relistedHandler struct {
	statement.Handler
	to *relisting
}

func (h *relistedHandler) Begin(s *statement.Statement) error {
	g := &relistedGroup{firstRows: map[string]int64{}}
	for stream, f := range h.to.rows.Files {
		g.firstRows[stream] = f.Rows
	}
	h.to.groups = append(h.to.groups, g)
	return h.Handler.Begin(s)
}

func (l *relisting) write(stream string, r rows.Row) error {
	if stream == project.StatementStream {
		var s relistedRow
		if err := json.Unmarshal(r, &s); err != nil {
			return fmt.Errorf("read statement again: %w", err)
		}
		g := l.groups[len(l.groups)-1]
		g.statements = append(g.statements, s)
	}
	return l.rows.Write(stream, r)
}

// writeIDFiles writes the files of ids, under which entries are stored, and returns their paths by stream.
func (l *relisting) writeIDFiles(ctx context.Context) (map[string]string, error) {
	if err := l.endReading(); err != nil {
		return nil, err
	}
	names := l.Names
	names.Dir, names.OnSibling = l.dir, func(id identity.Digest) { l.siblings[id] = true }
	var err error
	if l.slots, err = names.Resolve(ctx, []*rows.Spool{l.rows}, l.names); err != nil {
		return nil, err
	}
	if l.cancelledBalances, err = l.CancelledBalances(ctx); err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, stream := range project.BuiltinStreams {
		paths[stream] = filepath.Join(l.dir, stream+".ids")
		if err := rows.WriteFile(paths[stream], func(to *bufio.Writer) error { return l.writeIDs(stream, to) }); err != nil {
			return nil, fmt.Errorf("spool ids: %w", err)
		}
	}
	return paths, nil
}

func (l *relisting) writeIDs(stream string, to *bufio.Writer) error {
	at, n := -1, int64(0)
	return l.rows.EachLine(stream, func(line []byte) error {
		for at+1 < len(l.groups) && l.groups[at+1].firstRows[stream] <= n {
			at++
		}
		n++
		var row relistedRow
		if err := json.Unmarshal(line, &row); err != nil {
			return err
		}
		counts := "0"
		if at >= 0 && l.groups[at].isUncounted(row.Currency, l.uncounted) {
			counts = "1"
		}
		if counts == "0" {
			if stream == project.EntryStream && l.contradicted[[2]string{row.Object, row.ID}] {
				return nil
			}
			if err := l.noteRestorable(stream, &row, line); err != nil {
				return err
			}
		}
		if stream == project.BalanceStream {
			row.ID = l.countingBalanceID(row.ID)
		}
		_, err := fmt.Fprintf(to, "%s,%s\n", row.ID, counts)
		return err
	})
}

// isUncounted reports whether the statement that lists a row of a currency does not count.
func (g *relistedGroup) isUncounted(currency string, uncounted map[string]bool) bool {
	for _, s := range g.statements {
		if len(g.statements) == 1 || s.Currency == currency {
			return uncounted[s.ID]
		}
	}
	return len(g.statements) > 0 && uncounted[g.statements[0].ID]
}
