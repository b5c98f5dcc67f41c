// Files that are read again by other declarations than before, and what was taken of them by those.

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
	"slices"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/object"
	"bursar/internal/project"
)

// reread says which rows of a file are of earlier readings: what is in quarantine of them is answered, and statements that the last
// reading does not have count no more.
type reread struct {
	Readings int               `json:"readings"`
	Files    map[string]uint64 `json:"files"`            // by stream: the last file before the last reading's rows
	Gone     []string          `json:"gone,omitempty"`   // ids of statements
	Taken    bool              `json:"taken,omitempty"`  // the last reading's rows are there
	Before   *reread           `json:"before,omitempty"` // of the reading before, until these are there
}

const rereadPrefix = "statements/reread/"

// current is what counts: the last reading of which the rows are there, or nil.
func (r *reread) current() *reread {
	if r == nil || r.Taken {
		return r
	}
	return r.Before.current()
}

// rereads are by the object of the file.
type rereads map[string]*reread

func rereadsOf(ctx context.Context, from catalog.Catalog) (all rereads, err error) {
	err = from.View(ctx, func(tx catalog.Tx) error {
		all = rereads{}
		return tx.List(rereadPrefix, func(key string, value json.RawMessage) error {
			var r reread
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("read which files were read again: %w", err)
			}
			if is := r.current(); is != nil {
				all[objectName(strings.TrimPrefix(key, rereadPrefix))] = is
			}
			return nil
		})
	})
	return all, err
}

// gone names the statements that the last readings of their files do not have.
func (all rereads) gone() map[string]bool {
	ids := map[string]bool{}
	for _, r := range all {
		for _, id := range r.Gone {
			ids[id] = true
		}
	}
	return ids
}

// Quarantine is event.Quarantine without the rows that a later reading of their file has answered.
func Quarantine(ctx context.Context, c catalog.Catalog, store object.Store, stream string, each func(event.Rejected) error) error {
	all, err := rereadsOf(ctx, c)
	if err != nil {
		return err
	}
	return event.Quarantine(ctx, c, store, stream, func(r event.Rejected) error {
		if len(all) > 0 {
			var of struct{ Object string }
			if err := json.Unmarshal([]byte(r.Raw), &of); err == nil && all[of.Object] != nil && r.Number <= all[of.Object].Files[stream] {
				return nil
			}
		}
		return each(r)
	})
}

// open reports whether a file that was imported by other declarations has something that these may mend: a statement that does not
// hold, or rows in quarantine.
func (r *reading) open(ctx context.Context, f *File, k *kept) (bool, error) {
	if k.Declared == r.Project.Declared() {
		return false, nil
	}
	if slices.ContainsFunc(k.Parts, func(p Part) bool { return p.Untaken != "" || len(p.Faults) > 0 }) {
		return true, nil
	}
	if r.rejected == nil {
		r.rejected = map[string]bool{}
		for _, stream := range project.BuiltinStreams {
			err := Quarantine(ctx, r.Catalog, r.Objects, stream, func(row event.Rejected) error {
				var of struct{ Object string }
				if err := json.Unmarshal([]byte(row.Raw), &of); err == nil && !row.Conflict() {
					r.rejected[of.Object] = true
				}
				return nil
			})
			if err != nil {
				return false, err
			}
		}
	}
	return r.rejected[f.Object], nil
}

// again are the files that other declarations read again, by object.
func again(files []*File) map[string]*File {
	found := map[string]*File{}
	for _, f := range files {
		if f.again && f.whole() {
			found[f.Object] = f
		}
	}
	return found
}

// begin remembers where the rows of the readings before end, before any of this one is taken in: after a crash they end where they ended.
func (r *reading) begin(ctx context.Context, files map[string]*File) error {
	if len(files) == 0 {
		return nil
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, f := range files {
			var was reread
			found, err := tx.Get(rereadPrefix+f.Digest, &was)
			if err != nil {
				return err
			}
			if found && !was.Taken {
				continue
			}
			is := reread{Readings: f.readings, Files: map[string]uint64{}}
			if found {
				is.Before = &was
				is.Before.Before = nil
			}
			for _, stream := range project.BuiltinStreams {
				if is.Files[stream], err = event.LastFile(tx, stream); err != nil {
					return err
				}
			}
			if err := tx.Put(rereadPrefix+f.Digest, is); err != nil {
				return err
			}
		}
		return nil
	})
}

// took remembers that the rows of files that were read again are there.
func took(tx catalog.Tx, files map[string]*File) error {
	for _, f := range files {
		var r reread
		if _, err := tx.Get(rereadPrefix+f.Digest, &r); err != nil {
			return err
		}
		r.Taken, r.Before, r.Gone = true, nil, f.gone
		if err := tx.Put(rereadPrefix+f.Digest, r); err != nil {
			return err
		}
	}
	return nil
}

// takeBack spools what takes back the entries and details of readings before that this one does not have, and finds their statements.
func (r *reading) takeBack(ctx context.Context, files map[string]*File) ([]backSpool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	var objects []string
	for name := range files {
		objects = append(objects, duck.Literal(name))
	}
	var spools []backSpool
	for _, stream := range []string{project.EntryStream, project.DetailStream, project.StatementStream} {
		has, err := r.idsOf(stream, files)
		if err != nil {
			return nil, err
		}
		rows, err := r.without(ctx, stream, "object IN ("+strings.Join(objects, ", ")+")", has)
		if err != nil {
			return nil, err
		}
		if stream == project.StatementStream {
			for _, row := range rows {
				f := files[row["object"]]
				f.gone = append(f.gone, row["id"])
			}
			continue
		}
		s, err := r.spoolBack("back", stream, rows)
		if err != nil {
			return nil, err
		}
		spools = append(spools, s...)
	}
	return spools, nil
}

// backSpool is a spool of rows that take others back.
type backSpool struct{ stream, path, name string }

// idsOf are the ids that this reading has of the files.
func (r *reading) idsOf(stream string, files map[string]*File) (map[string]bool, error) {
	ids := map[string]bool{}
	for _, s := range r.spools {
		in, err := os.Open(s.files[stream].path)
		if err != nil {
			return nil, fmt.Errorf("read rows again: %w", err)
		}
		lines := bufio.NewReaderSize(in, 1<<16)
		for err == nil {
			var line []byte
			if line, err = lines.ReadBytes('\n'); err != nil {
				break
			}
			var row struct{ ID, Object string }
			if err = json.Unmarshal(line, &row); err == nil {
				if _, asked := files[row.Object]; asked {
					ids[row.ID] = true
				}
			}
		}
		if err := in.Close(); err != nil {
			return nil, fmt.Errorf("read rows again: %w", err)
		}
		if !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read rows again: %w", err)
		}
	}
	return ids, nil
}

// without are the stored rows that fulfil a condition, that this reading does not have, and that nothing takes back yet.
func (r *reading) without(ctx context.Context, stream, where string, has map[string]bool) (rows []map[string]string, err error) {
	batches, err := event.Batches(ctx, r.Catalog, stream, 0)
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	if err := event.CheckObjects(ctx, r.Objects, batches, r.Duck.Threads); err != nil {
		return nil, err
	}
	s := r.Project.Stream(stream)
	names, list := make([]string, len(s.Columns)), make([]string, len(s.Columns))
	for i := range s.Columns {
		names[i] = s.Columns[i].Name
		list[i] = fmt.Sprintf("CAST(%s AS VARCHAR)", names[i])
	}
	var backs []string
	sql := fmt.Sprintf("SELECT %s FROM (%s) WHERE %s", strings.Join(list, ", "), event.ViewSQL(r.Objects, s, batches), where)
	err = rowsOf(ctx, r.Duck, sql, func(values []string) error {
		row := map[string]string{}
		for i, name := range names {
			row[name] = values[i]
		}
		if !has[row["id"]] && row["takes_back"] == "" {
			rows, backs = append(rows, row), append(backs, backID(row["id"]))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	back, err := r.Known(ctx, s, backs)
	return slices.DeleteFunc(rows, func(row map[string]string) bool {
		_, there := back[backID(row["id"])]
		return there
	}), err
}

// backID is the id of what takes an entry or a detail back.
func backID(id string) string { return digestOf("taken back", id).String() }

// spoolBack writes rows that take others back: they say the same, and move the opposite amount.
func (r *reading) spoolBack(as, stream string, rows []map[string]string) ([]backSpool, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	s := backSpool{stream, filepath.Join(r.dir, as+"."+stream+".jsonl"), rows[0]["file"]}
	out, err := os.Create(s.path)
	if err != nil {
		return nil, fmt.Errorf("spool rows: %w", err)
	}
	to := json.NewEncoder(out)
	for _, row := range rows {
		back := map[string]any{}
		for _, c := range r.Project.Stream(stream).Columns {
			switch value := row[c.Name]; {
			case value == "" && c.Optional:
			case c.Type.String() == "bigint" || c.Type.String() == "bool":
				back[c.Name] = json.RawMessage(value)
			default:
				back[c.Name] = value
			}
		}
		back["id"], back["takes_back"] = backID(row["id"]), row["id"]
		if row["amount"] != "" {
			back["amount"] = difference("0", row["amount"])
		}
		if err = to.Encode(back); err != nil {
			break
		}
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return nil, fmt.Errorf("spool rows: %w", err)
	}
	return []backSpool{s}, nil
}

// readsAgain reports whether all stored reversals of an account are of files that the import reads again, so that another direction of them
// takes the place of the one before.
func (r *reading) readsAgain(ctx context.Context, files []*File, was *given) (bool, error) {
	if was.What != reversalsOf {
		return false, nil
	}
	batches, err := event.Batches(ctx, r.Catalog, project.EntryStream, 0)
	if err != nil {
		return false, err
	}
	if err := event.CheckObjects(ctx, r.Objects, batches, r.Duck.Threads); err != nil {
		return false, err
	}
	h := r.rules.holder(&statement.Statement{Format: "camt", Servicer: was.Source, Account: was.Number})
	sql := fmt.Sprintf("SELECT DISTINCT object FROM (%s) WHERE reversal AND account = %s", event.ViewSQL(r.Objects, r.Project.Stream(project.EntryStream), batches),
		duck.Literal(h.account))
	here, all := again(files), true
	err = rowsOf(ctx, r.Duck, sql, func(row []string) error {
		all = all && here[row[0]] != nil
		return nil
	})
	return all, err
}
