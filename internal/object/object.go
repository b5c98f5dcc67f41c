// Package object stores immutable objects by name, which are read whole or by byte range. It guarantees that an object is
// either absent or complete and durable, and must not know what objects contain.
package object

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Store is the object seam. Every backend passes objecttest.Run.
//
// Names are slash-separated paths of [a-z0-9._-] elements (see CheckName); no name is a folder of another.
// All calls may be retried and made from several goroutines. Create is idempotent: a retried step writes the
// same bytes under the same name, and the last complete write wins (rule 5).
// An object is visible only after Writer.Commit returned, and durable then. If the context of Create has ended by then, Commit fails.
// A reader of an object that was overwritten or deleted after the reader was opened reads the old bytes, or fails with
// fs.ErrNotExist (wrapped): the caller takes a new snapshot. It never mixes bytes of two objects.
// A reader lives until Close, also if the context that opened it ends before.
type Store interface {
	// Create starts an object. Nothing is visible before Commit; Abort (safe after Commit) discards it.
	Create(ctx context.Context, name string) (Writer, error)
	// CreateNew is Create for an object that must not exist yet. If it exists by then, Commit fails with fs.ErrExist (wrapped)
	// and changes nothing. Of several writers of one name, in any processes, exactly one makes the object. After another error
	// of Commit the object may be the one of this writer: CreateNew is not idempotent.
	CreateNew(ctx context.Context, name string) (Writer, error)
	// Open opens an object for reading whole or by range; fs.ErrNotExist (wrapped) if it does not exist.
	Open(ctx context.Context, name string) (Reader, error)
	// OpenSized is Open for an object whose size is known, such as from its Description: it saves a distant store the request
	// that asks for the size. If the object does not exist (fs.ErrNotExist) or has another size (ErrDamaged), either OpenSized
	// or the first read fails with this error, wrapped.
	OpenSized(ctx context.Context, name string, size int64) (Reader, error)
	// List returns the names under a prefix ending in "/", at any depth, sorted by bytes; "" lists everything.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes an object; a missing object is not an error.
	Delete(ctx context.Context, name string) error
}

// Writer writes one object, for one goroutine. After a failed Write, Commit fails. A second Commit, a Write
// after either end, and a Commit after Abort are errors.
type Writer interface {
	io.Writer
	// Commit makes the object durable and visible. After an error it is either absent (or still what it was)
	// or complete, and a distant store may complete it later; retry from Create.
	Commit() error
	// Abort discards what was written; it returns nil if the object is already committed or aborted.
	Abort() error
}

// Reader reads one object. ReadAt may be called from several goroutines at once.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Local is a store that can provide its objects as local files, because DuckDB reads files.
type Local interface {
	Store
	Files() Files
}

// Files is the local files of the objects that one operation reads, for one goroutine.
type Files interface {
	// Path returns the path that the object's file has after the next Pin.
	Path(d Description) string
	// Pin makes the files of all objects that Path was called with available, until Release. It returns fs.ErrNotExist (wrapped) if
	// an object is missing and ErrDamaged (wrapped) if its bytes are not those described; a store whose objects are files anyway leaves
	// both to the reader.
	Pin(ctx context.Context) error
	// Explain returns the error of a reader of the files: with class Transient if one of them was deleted although it is pinned, which is
	// no fault of the object.
	Explain(err error) error
	Release()
}

// CheckName checks that name is a slash-separated path of [a-z0-9._-] elements, none of which starts with a dot. So no name
// leads out of its store or to a store's hidden files.
func CheckName(name string) error {
	for element := range strings.SplitSeq(name, "/") {
		if !validElement(element) {
			return fmt.Errorf("object name %q: want elements of [a-z0-9._-] between slashes, none starting with a dot", name)
		}
	}
	return nil
}

// CheckPrefix checks that prefix is empty (everything) or a valid name followed by a slash.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	name, ok := strings.CutSuffix(prefix, "/")
	if !ok {
		return fmt.Errorf("object prefix %q does not end in a slash", prefix)
	}
	return CheckName(name)
}

func validElement(element string) bool {
	if element == "" || element[0] == '.' || len(element) > 255 {
		return false
	}
	for _, c := range []byte(element) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
