// Rejected rows, kept in a temporary file until they are in the journal.

package load

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/warehouse"
)

// maxContent is how many bytes of a rejected row are kept. The object has all of it.
const maxContent = 16 << 10

// maxShown is how many rejected rows a result lists.
const maxShown = 10

// rejectedRow is a rejected row in the file.
type rejectedRow struct {
	Reject
	Content string
}

// rejects are the rejected rows of some objects, in order.
type rejects struct {
	dir    string
	file   *os.File // nil: there is none yet
	buffer *bufio.Writer
	to     *gob.Encoder
	count  int64
	first  []Reject
}

// add adds a row, and removes the file that the scanner may have made for it.
func (r *rejects) add(name string, row *scan.Reject) error {
	one := rejectedRow{Reject{Object: name, Line: row.Row, Column: row.Column, Reason: row.Reason}, ""}
	content, err := begins(row)
	if err != nil {
		return fmt.Errorf("keep rejected row: %w", err)
	}
	one.Content = storable(content)
	one.Reason = storable([]byte(one.Reason))
	if r.count++; len(r.first) < maxShown {
		r.first = append(r.first, one.Reject)
	}
	if r.file == nil {
		if r.file, err = os.CreateTemp(r.dir, "rejected-*"); err != nil {
			return fmt.Errorf("keep rejected row: %w", err)
		}
		r.buffer = bufio.NewWriter(r.file)
		r.to = gob.NewEncoder(r.buffer)
	}
	return r.to.Encode(&one)
}

// begins returns the beginning of a row.
func begins(row *scan.Reject) (content []byte, err error) {
	if row.RawFile == "" {
		return row.Raw[:min(len(row.Raw), maxContent)], nil
	}
	file, err := os.Open(row.RawFile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(row.RawFile)) }()
	in, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, maxContent))
}

// storable replaces what no database stores in a text.
func storable(text []byte) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(text), "\ufffd"), "\x00", "\ufffd")
}

// rows returns the rows for the journal. An error of the file ends them.
func (r *rejects) rows(load string, number int64) warehouse.Rows {
	return func(yield func([]column.Vector, error) bool) {
		if r.file == nil {
			return
		}
		if err := r.rewind(); err != nil {
			yield(nil, err)
			return
		}
		in, failed := gob.NewDecoder(bufio.NewReader(r.file)), error(nil)
		items := func(yield func(rejectedRow) bool) {
			for range r.count {
				var one rejectedRow
				if failed = in.Decode(&one); failed != nil || !yield(one) {
					return
				}
			}
		}
		for vectors, err := range inBatches(rejectedColumns, items, func(v []column.Vector, one rejectedRow) {
			setTexts(v, map[int]string{0: load, 2: one.Object, 4: one.Column, 5: one.Reason, 6: one.Content})
			v[1].AppendInt(number)
			v[3].AppendInt(one.Line)
		}) {
			if failed != nil || !yield(vectors, err) {
				break
			}
		}
		if failed != nil {
			yield(nil, fmt.Errorf("read rejected rows: %w", failed))
		}
	}
}

func (r *rejects) rewind() error {
	err := r.buffer.Flush()
	if err == nil {
		_, err = r.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("keep rejected rows: %w", err)
	}
	return nil
}

// close removes the file.
func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Close(), os.Remove(r.file.Name()))
}
