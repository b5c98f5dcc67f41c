// Appending and staging rows with COPY in PostgreSQL's text format: https://www.postgresql.org/docs/current/sql-copy.html.

package pgwarehouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// Stage copies the rows into a temporary table, with statistics: without them joins with it are planned for some thousand rows.
func (t *tx) Stage(ctx context.Context, columns []column.Field, rows warehouse.Rows) (from string, n int64, err error) {
	t.staged++
	name := fmt.Sprintf("bursar_stage_%d", t.staged)
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = warehouse.Define(t.db, c)
	}
	if err := t.run(ctx, "CREATE TEMPORARY TABLE %s (%s) ON COMMIT DROP", name, strings.Join(list, ", ")); err != nil {
		return "", 0, err
	}
	if n, err = t.Append(ctx, name, columns, rows); err == nil {
		err = t.run(ctx, "ANALYZE %s", name)
	}
	return name, n, err
}

func (t *tx) Append(ctx context.Context, table string, columns []column.Field, rows warehouse.Rows) (int64, error) {
	next, stop := iter.Pull2(rows)
	defer stop()
	source := &copySource{table: table, columns: columns, next: next}
	tag, err := t.tx.Conn().PgConn().CopyFrom(ctx, source, fmt.Sprintf("COPY %s (%s) FROM STDIN", t.quoted(table), warehouse.QuoteAll(t.db, columns)))
	source.end()
	switch {
	case source.err != nil:
		return 0, source.err
	case err != nil:
		return 0, t.classify(err)
	case tag.RowsAffected() != source.rows:
		return 0, &warehouse.LeftOutRowsError{Table: table, Got: tag.RowsAffected(), Want: source.rows}
	}
	return source.rows, nil
}

// copySource reads rows as the text of COPY.
type copySource struct {
	table   string
	columns []column.Field
	next    func() ([]column.Vector, error, bool)
	rows    int64
	text    []byte // of some rows
	at      int    // what of it was read
	err     error  // of the rows

	reading sync.Mutex
	ended   bool
}

// end waits for a Read and lets no other one begin: CopyFrom reads in another goroutine, and does not wait for it if the connection breaks.
func (s *copySource) end() {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.ended = true
}

// Read returns the error of the rows, too: the server then ends the COPY.
func (s *copySource) Read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.ended {
		return 0, io.ErrClosedPipe
	}
	for s.at == len(s.text) {
		vectors, err, more := s.next()
		if err == nil && !more {
			return 0, io.EOF
		}
		s.text, s.at = s.text[:0], 0
		if err == nil {
			err = s.encode(vectors)
		}
		if err != nil {
			s.err = err
			return 0, err
		}
	}
	n := copy(p, s.text[s.at:])
	s.at += n
	return n, nil
}

// encode writes rows as lines with tabs between the values.
func (s *copySource) encode(vectors []column.Vector) error {
	for i := range vectors[0].Len() {
		for j := range vectors {
			if j > 0 {
				s.text = append(s.text, '\t')
			}
			if err := s.encodeValue(&vectors[j], i); err != nil {
				return &warehouse.ValueError{Table: s.table, Column: s.columns[j].Name, Row: s.rows, Reason: err.Error()}
			}
		}
		s.text = append(s.text, '\n')
		s.rows++
	}
	return nil
}

func (s *copySource) encodeValue(v *column.Vector, i int) error {
	switch {
	case v.IsNull(i):
		s.text = append(s.text, `\N`...)
	case v.Type.IsText():
		text := v.Text(i)
		switch {
		case v.Type.Kind == column.JSON && warehouse.HasEscapedNUL(text) || bytes.IndexByte(text, 0) >= 0:
			return errNUL
		case v.Type.Kind == column.JSON && warehouse.HasHugeNumber(text):
			return errNumber
		}
		s.text = appendEscaped(s.text, text)
	default:
		s.text = v.AppendPlain(s.text, i)
	}
	return nil
}

var (
	errNUL    = errors.New("the character U+0000 cannot be stored in PostgreSQL")
	errNumber = errors.New("a number in it has too many digits for PostgreSQL")
)

// appendEscaped writes a text without what ends a value or a row.
func appendEscaped(dst, text []byte) []byte {
	from := 0
	for i, c := range text {
		var escape byte
		switch c {
		case '\\':
			escape = '\\'
		case '\t':
			escape = 't'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		default:
			continue
		}
		dst = append(append(dst, text[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(dst, text[from:]...)
}
