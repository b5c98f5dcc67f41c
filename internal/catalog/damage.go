// Detection of damage: every document has a checksum over key and value, and the files of an open catalog are read again, because
// SQLite's caches may hide damage.

package catalog

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"

	"bursar/internal/failure"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC-32C of a document's key, a NUL and its value.
func Checksum(key string, value []byte) int64 {
	sum := crc32.Update(0, castagnoli, append([]byte(key), 0))
	return int64(crc32.Update(sum, castagnoli, value))
}

// DamagedError means that the catalog is not as it was written. Its class is Data.
type DamagedError struct {
	Key  string // of the document; empty if the damage is not in a single document
	Err  error
	Next string // the next step; empty: bursar repair
}

func (e *DamagedError) Error() string {
	next := cmp.Or(e.Next, "run `bursar repair`")
	if e.Key == "" {
		return fmt.Sprintf("the catalog is damaged: %v; %s", e.Err, next)
	}
	return fmt.Sprintf("the catalog is damaged: document %q: %v; %s", e.Key, e.Err, next)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Class is Data: reading again gives the same error.
func (e *DamagedError) Class() failure.Class { return failure.Data }

// ErrChecksum is the cause of a DamagedError of one document.
var ErrChecksum = errors.New("its checksum does not match its content")

// asDamaged converts SQLite's errors for a damaged file into a DamagedError.
func asDamaged(err error) error {
	var sqliteErr *sqlite.Error
	if !errors.As(err, &sqliteErr) {
		return err
	}
	switch code := sqliteErr.Code(); {
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB, code == sqlite3.SQLITE_IOERR_SHORT_READ:
		return &DamagedError{Err: err}
	// The file was truncated after the catalog was opened.
	case code == sqlite3.SQLITE_ERROR && strings.Contains(sqliteErr.Error(), "no such table: documents"):
		return &DamagedError{Err: err}
	}
	return err
}

// asRemoved converts an error of opening a connection into a DamagedError if the file was removed after the catalog was opened.
func (s *SQLite) asRemoved(err error) error {
	var sqliteErr *sqlite.Error
	if errors.As(err, &sqliteErr) && sqliteErr.Code()&0xff == sqlite3.SQLITE_CANTOPEN {
		if _, statErr := os.Stat(s.path); errors.Is(statErr, fs.ErrNotExist) {
			return &DamagedError{Err: fmt.Errorf("%s was removed", s.path)}
		}
	}
	return err
}

// check compares a document with its checksum.
func (d *document) check() error {
	if !d.sum.Valid || d.sum.Int64 != Checksum(d.key, d.value) {
		return &DamagedError{Key: d.key, Err: ErrChecksum}
	}
	return nil
}

// checkNeighbours checks the documents before and after a key that was not found. If a bit of the stored key has changed, the
// document is one of them, as the search for the original key ends at its position.
func (t *sqliteTx) checkNeighbours(key string) error {
	for _, query := range []string{
		`SELECT key, value, sum FROM documents WHERE key < ? ORDER BY key DESC LIMIT 1`,
		`SELECT key, value, sum FROM documents WHERE key > ? ORDER BY key LIMIT 1`,
	} {
		if err := t.checkFirst(query, key); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTx) checkFirst(query, key string) error {
	rows, err := t.tx.QueryContext(t.ctx, query, key)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d document
		if err := d.scan(rows); err != nil {
			return err
		}
		if err := d.check(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// verify reads a whole catalog: SQLite's check of its structure, then every document. It returns the number of documents.
func verify(ctx context.Context, db *sql.DB) (documents int, err error) {
	var found []string
	rows, err := db.QueryContext(ctx, `PRAGMA integrity_check(3)`)
	if err != nil {
		return 0, asDamaged(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return 0, asDamaged(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		return 0, asDamaged(err)
	}
	if text := strings.Join(found, "; "); text != "ok" {
		return 0, &DamagedError{Err: errors.New(text)}
	}
	err = inTransaction(ctx, db, nil, func(tx Tx) error {
		documents = 0
		return tx.List("", func(string, json.RawMessage) error { documents++; return nil })
	})
	return documents, err
}

// openFile is a file as it was when the catalog was opened.
type openFile struct {
	path string
	info os.FileInfo
}

// logSuffix is the suffix of SQLite's write-ahead log.
const logSuffix = "-wal"

func openFiles(path string) (files []openFile, err error) {
	for _, name := range []string{path, path + logSuffix} {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		files = append(files, openFile{name, info})
	}
	return files, nil
}

// Verify checks that the catalog's files are those that were opened and that the log is undamaged, and then reads the whole
// catalog: SQLite's check of its structure, then every document. It returns the number of documents. Writers wait while the log
// is read.
func (s *SQLite) Verify(ctx context.Context) (documents int, err error) {
	if s.writer == nil { // it has no state of the files to compare with
		return verify(ctx, s.reader)
	}
	for _, file := range s.files {
		if now, err := os.Stat(file.path); err != nil || !os.SameFile(now, file.info) {
			return 0, &DamagedError{Err: fmt.Errorf("%s was removed or replaced while the catalog is open", file.path)}
		}
	}
	if err := s.verifyLog(ctx); err != nil {
		return 0, err
	}
	fresh, err := connect(s.path, 2, nil, "query_only(1)")
	if err != nil {
		return 0, err
	}
	documents, err = verify(ctx, fresh)
	return documents, errors.Join(err, fresh.Close())
}

// verifyLog checks the frames of the log. SQLite checks them only when it opens the log after a crash, and then drops everything
// after a damaged frame.
func (s *SQLite) verifyLog(ctx context.Context) error {
	writer, err := s.writer.Conn(ctx) // the only writing connection, so that nobody writes meanwhile
	if err != nil {
		return err
	}
	defer writer.Close()
	path := s.path + logSuffix
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var busy, frames, copied int
	err = writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &copied)
	if err != nil {
		return asDamaged(err)
	}
	if what := checkLog(text, frames); what != "" {
		return &DamagedError{Err: fmt.Errorf("%s: %s", path, what)}
	}
	return nil
}

// The layout and checksums of the log: https://www.sqlite.org/fileformat2.html#walformat.
const (
	logHeader   = 32
	frameHeader = 24
	// bigEndianLog is the magic number of a log with big-endian checksums; without its last bit they are little-endian.
	bigEndianLog = 0x377f0683
)

// checkLog compares the first frames of a log with their checksums, and returns what is wrong, or "".
func checkLog(text []byte, frames int) string {
	if frames == 0 {
		return ""
	}
	if len(text) < logHeader {
		return "its header is missing"
	}
	sum := logSum{order: binary.LittleEndian}
	if binary.BigEndian.Uint32(text) == bigEndianLog {
		sum.order = binary.BigEndian
	}
	if sum.add(text[:24]); !sum.matches(text[24:]) {
		return "its header is not as it was written"
	}
	salt, size := text[16:24], frameHeader+int(binary.BigEndian.Uint32(text[8:]))
	if len(text) < logHeader+frames*size {
		return fmt.Sprintf("it has %d bytes, of %d frames", len(text), frames)
	}
	for n := range frames {
		frame := text[logHeader+n*size:][:size]
		sum.add(frame[:8])
		sum.add(frame[frameHeader:])
		if !bytes.Equal(frame[8:16], salt) || !sum.matches(frame[16:]) {
			return fmt.Sprintf("frame %d of %d is not as it was written", n+1, frames)
		}
	}
	return ""
}

// logSum is the running checksum of a log.
type logSum struct {
	order  binary.ByteOrder
	s1, s2 uint32
}

// add adds text, whose length is a multiple of 8.
func (l *logSum) add(text []byte) {
	for ; len(text) >= 8; text = text[8:] {
		l.s1 += l.order.Uint32(text) + l.s2
		l.s2 += l.order.Uint32(text[4:]) + l.s1
	}
}

// matches reports whether the checksum equals the stored one.
func (l *logSum) matches(text []byte) bool {
	return l.s1 == binary.BigEndian.Uint32(text) && l.s2 == binary.BigEndian.Uint32(text[4:])
}
