// Sources: where the objects of a load are.

package load

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
)

// Object is an object as it was listed. The name begins after the last slash of the load's `from`.
type Object struct {
	Name     string
	Size     int64
	Modified time.Time // in microseconds
	Changed  int64     // when a file or its properties were changed last, in microseconds since 1970; 0: unknown
	ETag     string    // of its content; empty for a file
	Fault    error     // why it cannot be loaded; nil if it can
}

// Source lists and opens objects. Calls may be repeated and made from several goroutines.
type Source interface {
	// List calls each with all objects, in any order. It returns the error of each as it is.
	List(ctx context.Context, each func(Object) error) error
	// Open opens an object as it was listed. If it does not exist any more, or was replaced, Open or a read of it fails with ErrGone or
	// ErrReplaced, or Unchanged does after all was read.
	Open(ctx context.Context, o Object) (Reader, error)
}

// Reader reads an object. Reads may be made from several goroutines.
type Reader interface {
	io.ReaderAt
	io.Closer
	Unchanged() error
}

// What can happen to an object after it was listed.
var (
	ErrGone     = failure.Wrap(failure.Transient, errors.New("it was deleted after it was listed"))
	ErrReplaced = failure.Wrap(failure.Transient, errors.New("it was changed after it was listed"))
)

// IsHidden reports whether a name, or a folder in it, begins with a dot or underscore: such objects are those of other programs, and are not
// loaded.
func IsHidden(name string) bool {
	for element := range strings.SplitSeq(name, "/") {
		if element != "" && (element[0] == '.' || element[0] == '_') {
			return true
		}
	}
	return false
}

// SplitPrefix divides a path into its folder with a slash at the end, and the beginning of names in it.
func SplitPrefix(from string) (folder, begin string) {
	at := strings.LastIndexByte(from, '/') + 1
	return from[:at], from[at:]
}

// matches reports whether a name, or its last element, matches a pattern.
func matches(pattern, name string) bool {
	whole, _ := path.Match(pattern, name) // the pattern was checked
	last, _ := path.Match(pattern, path.Base(name))
	return pattern == "" || whole || last
}

// isUnfinished reports whether nothing was written into a compressed object yet: its format has a header.
func (o *Object) isUnfinished() bool {
	return o.Size == 0 && (strings.HasSuffix(o.Name, ".gz") || strings.HasSuffix(o.Name, ".zst"))
}

// version is a short form of what a listing says about an object's content, without the time of the last change: properties of a file change, too.
func (o *Object) version() uint64 {
	return version(o.Size, o.Modified.UnixMicro(), []byte(o.ETag))
}

// isAsListed reports whether two listings are of the same content. One that an earlier version has recorded lacks the time of the last change.
func (o *Object) isAsListed(before *Object) bool {
	return o.version() == before.version() && sameChange(o.Changed, before.Changed)
}

func sameChange(a, b int64) bool { return a == b || a == 0 || b == 0 }

func version(size, modified int64, tag []byte) uint64 {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 64), uint64(size))
	if len(tag) == 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(modified))
	}
	return column.Sum128(append(b, tag...)).Lo
}
