// Appending rows: objects of JSON, a manifest that lists them, and COPY into a temporary table, whose rows are counted before they are
// inserted. https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html.

package redshift

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// objectBytes is the size of an object before it is compressed, at least: a cluster reads several at the same time.
const objectBytes = 64 << 20

func (t *tx) Append(ctx context.Context, table string, columns []column.Field, rows warehouse.Rows) (int64, error) {
	from, n, err := t.stageFor(ctx, table, columns, rows)
	if err != nil {
		return 0, err
	}
	inserted, err := t.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %[3]s", t.quoted(table), warehouse.QuoteAll(t.db, columns), from))
	if err == nil && inserted != n {
		err = &warehouse.LeftOutRowsError{Table: table, Got: inserted, Want: n}
	}
	if err != nil {
		return 0, err
	}
	return n, t.Drop(ctx, from)
}

// Stage copies the rows into a temporary table. The session of a transaction may have one of an earlier transaction.
func (t *tx) Stage(ctx context.Context, columns []column.Field, rows warehouse.Rows) (from string, n int64, err error) {
	return t.stageFor(ctx, "bursar_stage", columns, rows)
}

// stageFor is Stage of rows for a table, which errors name.
func (t *tx) stageFor(ctx context.Context, table string, columns []column.Field, rows warehouse.Rows) (from string, n int64, err error) {
	t.staged++
	from = fmt.Sprintf("bursar_stage_%d", t.staged)
	s := &stage{db: t.db, table: table, columns: columns, prefix: "copy/" + strings.ToLower(rand.Text()) + "/"}
	defer func() { err = errors.Join(err, s.remove(context.WithoutCancel(ctx))) }()
	if err := s.write(ctx, rows); err != nil {
		return "", 0, err
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = warehouse.Define(t.db, c)
	}
	statements := []string{"DROP TABLE IF EXISTS " + from, fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s)", from, strings.Join(list, ", "))}
	if s.rows > 0 {
		statements = append(statements, s.copySQL(from))
	}
	for _, sql := range statements {
		if _, err := t.Exec(ctx, sql); err != nil {
			return "", 0, fmt.Errorf("append to table %s: %w", table, err)
		}
	}
	return from, s.rows, nil
}

// stage is rows in objects.
type stage struct {
	db      *Database
	table   string
	columns []column.Field
	prefix  string   // of the objects' names
	names   []string // of all objects
	rows    int64

	text bytes.Buffer // rows that are in no object yet
	line []byte
}

// copySQL loads JSON whose members have the names of columns. A value that does not fit is an error.
func (s *stage) copySQL(table string) string {
	return fmt.Sprintf("COPY %s FROM %s IAM_ROLE %s MANIFEST FORMAT AS JSON 'auto' GZIP TIMEFORMAT 'auto' DATEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF",
		table, warehouse.Literal(s.db.config.ObjectsURL+s.prefix+"manifest"), warehouse.Literal(s.db.config.CopyRole))
}

// write puts all rows and then the manifest.
func (s *stage) write(ctx context.Context, rows warehouse.Rows) error {
	for vectors, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = s.encode(vectors)
		}
		if err == nil && s.text.Len() >= objectBytes {
			err = s.putRows(ctx)
		}
		if err != nil {
			return err
		}
	}
	if s.text.Len() > 0 {
		if err := s.putRows(ctx); err != nil {
			return err
		}
	}
	type entry struct {
		URL       string `json:"url"`
		Mandatory bool   `json:"mandatory"`
	}
	var manifest struct {
		Entries []entry `json:"entries"`
	}
	for _, name := range s.names {
		manifest.Entries = append(manifest.Entries, entry{s.db.config.ObjectsURL + name, true})
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	return s.put(ctx, "manifest", text)
}

func (s *stage) putRows(ctx context.Context) error {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := s.text.WriteTo(w)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return s.put(ctx, fmt.Sprintf("rows-%05d.json.gz", len(s.names)), packed.Bytes())
}

func (s *stage) put(ctx context.Context, name string, content []byte) error {
	name = s.prefix + name
	s.names = append(s.names, name)
	w, err := s.db.config.Objects.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

// remove deletes the objects. What a killed process leaves is deleted by nobody but a lifecycle rule of the bucket.
func (s *stage) remove(ctx context.Context) (all error) {
	for _, name := range s.names {
		all = errors.Join(all, s.db.config.Objects.Delete(ctx, name))
	}
	return all
}

func (s *stage) encode(vectors []column.Vector) error {
	for i := range vectors[0].Len() {
		s.line = append(s.line[:0], '{')
		for j := range vectors {
			if j > 0 {
				s.line = append(s.line, ',')
			}
			s.line = append(column.AppendJSON(s.line, s.db.Name(s.columns[j].Name)), ':')
			if err := s.encodeValue(&vectors[j], i); err != nil {
				return &warehouse.ValueError{Table: s.table, Column: s.columns[j].Name, Row: s.rows, Reason: err.Error()}
			}
		}
		s.line = append(s.line, '}', '\n')
		s.text.Write(s.line)
		s.rows++
	}
	return nil
}

var (
	errNUL    = errors.New("the character U+0000 cannot be stored in Redshift")
	errNumber = errors.New("a number in it has too many digits for Redshift")
	errLong   = fmt.Errorf("a text of more than %d bytes cannot be stored in Redshift", maxVarchar)
)

func (s *stage) encodeValue(v *column.Vector, i int) error {
	if v.IsNull(i) || !v.Type.IsText() {
		s.line = v.AppendJSON(s.line, i)
		return nil
	}
	switch text := v.Text(i); {
	case bytes.IndexByte(text, 0) >= 0, v.Type.Kind == column.JSON && warehouse.HasEscapedNUL(text):
		return errNUL
	case v.Type.Kind == column.JSON && warehouse.HasHugeNumber(text):
		return errNumber
	case v.Type.Kind == column.String && len(text) > maxVarchar:
		return errLong
	}
	s.line = v.AppendJSON(s.line, i)
	return nil
}
