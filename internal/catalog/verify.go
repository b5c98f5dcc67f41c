// Verification of an open catalog's files. SQLite's caches may hide damage, so the files are read again.

package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

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
	for _, file := range s.files {
		if now, err := os.Stat(file.path); err != nil || !os.SameFile(now, file.info) {
			return 0, &DamagedError{Err: fmt.Errorf("%s was removed or replaced while the catalog is open", file.path)}
		}
	}
	if err := s.verifyLog(ctx); err != nil {
		return 0, err
	}
	fresh, err := connect(s.path, 2, "query_only(1)")
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
