// Records of imported files, and the verification of the kept ones: each object's name is the digest of its content.

package imported

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/catalog"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// File records an imported file, so that it is not read again if it was imported completely.
type File struct {
	Digest   string    `json:"digest"` // SHA-256
	Bytes    int64     `json:"bytes"`
	Imported time.Time `json:"imported"`
	Parts    []Part    `json:"parts"`
	Partial  bool      `json:"partial,omitempty"`  // members of an archive were refused; the next import reads it again
	Declared string    `json:"declared,omitempty"` // digest of the declarations that read it
	Readings int       `json:"readings,omitempty"` // how often it was read again by other declarations
	Readers  int       `json:"readers,omitempty"`  // readersVersion that read it

	Totals      bool        `json:"totals,omitempty"` // rules.totals when it was read
	Retracted   *Retraction `json:"retracted,omitempty"`
	Retractions uint64      `json:"retractions,omitempty"` // number of retractions of files when it was read
	GivenUp     int         `json:"given_up,omitempty"`    // number of given-up batches and retractions of the built-in streams when it was read
}

// ReadersVersion increases when the readers accept more. What an earlier version left in quarantine is read again when
// its file is imported again.
const ReadersVersion = 1

// Key is the key of the record of a file with a digest.
func Key(digest string) string { return "statements/file/" + digest }

// ObjectName is the object that keeps a file with a digest.
func ObjectName(digest string) string { return "statements/" + digest[:2] + "/" + digest }

// Part is the result of one file, or of one member of an archive.
type Part struct {
	File        string             `json:"file"`
	Format      string             `json:"format,omitempty"`
	Statements  int64              `json:"statements"`
	Entries     int64              `json:"entries"`
	Details     int64              `json:"details"`
	Balances    int64              `json:"balances"`
	Faults      []string           `json:"faults,omitempty"`  // statements whose totals do not balance
	Notices     []statement.Notice `json:"notices,omitempty"` // what it contains besides bank statements
	Refused     string             `json:"refused,omitempty"` // why it was not read
	Quarantined string             `json:"untaken,omitempty"` // why nothing of it was accepted: all rows are in quarantine

	Bindings []identity.Digest `json:"-"` // subjects of the bindings that it depends on
}

// Each passes on the catalog's documents with a prefix, by the rest of their keys. what names them in an error.
func Each[T any](tx catalog.Tx, prefix, what string, each func(name string, document *T)) error {
	return tx.List(prefix, func(key string, value json.RawMessage) error {
		var document T
		if err := json.Unmarshal(value, &document); err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
		each(strings.TrimPrefix(key, prefix), &document)
		return nil
	})
}

// Name is the path of the file at its import, or of the first member of an archive.
func (k *File) Name() string {
	if len(k.Parts) == 0 {
		return k.Digest
	}
	return k.Parts[0].File
}

// isNamed reports whether a part was imported from a path, or from an archive there; with byBase also if name is the
// last element of such a path.
func (p *Part) isNamed(name string, byBase bool) bool {
	return p.File == name || strings.HasPrefix(p.File, name+"/") || byBase && (filepath.Base(p.File) == name || filepath.Base(filepath.Dir(p.File)) == name)
}

// unfinishedPrefix begins the keys of files whose Retract or Undo has begun and not ended. The digest follows; the
// value is the name of the file.
const unfinishedPrefix = "statements/unfinished/"

// MarkUnfinished records whether a Retract or Undo of the file has begun and not ended.
func (k *File) MarkUnfinished(tx catalog.Tx, begun bool) error {
	if begun {
		return tx.Put(unfinishedPrefix+k.Digest, k.Name())
	}
	return tx.Delete(unfinishedPrefix + k.Digest)
}

// Institution is the institution whose CSV mapping read all parts; empty if there are other parts.
func (k *File) Institution() string {
	name := statement.CSVInstitution(k.Parts[0].Format)
	for _, p := range k.Parts {
		if statement.CSVInstitution(p.Format) != name {
			return ""
		}
	}
	return name
}

// ByDigest returns the record of an imported file, or an empty one.
func ByDigest(ctx context.Context, from catalog.Catalog, digest string) (File, error) {
	return catalog.Read(ctx, from, func(tx catalog.Tx) (k File, err error) {
		_, err = tx.Get(Key(digest), &k)
		return k, err
	})
}

// NoFileError says that no imported file, or more than one, has a name. Class Data, exit code 3 (DESIGN §7).
type NoFileError struct{ message string }

func (e *NoFileError) Error() string { return e.message }

// Class is Data: retrying does not help.
func (e *NoFileError) Class() failure.Class { return failure.Data }

// ExitCode is 3: not found.
func (e *NoFileError) ExitCode() int { return 3 }

// Find finds an imported file by the digest of the content at a path, by digest, by object, or by name. digest
// is that of the content if name is a path, else empty.
func Find(ctx context.Context, from catalog.Catalog, name, digest string) (found *File, err error) {
	var named []File // files with this name and another content
	isPath := false
	err = from.View(ctx, func(tx catalog.Tx) error {
		found, named = nil, nil
		return Each(tx, Key(""), "imported file", func(_ string, k *File) {
			switch {
			case k.Digest == digest || k.Digest == name || ObjectName(k.Digest) == name:
				found, isPath = k, k.Digest == digest
			case slices.ContainsFunc(k.Parts, func(p Part) bool { return p.isNamed(name, digest == "") }):
				named = append(named, *k)
			}
		})
	})
	switch {
	case err != nil || found != nil && !isPath:
		return found, err
	case found != nil && len(named) == 0:
		return found, nil
	case found != nil:
		named = append(named, *found)
	case len(named) == 1:
		return &named[0], nil
	case len(named) == 0:
		return nil, &NoFileError{fmt.Sprintf("no file %s was imported: give its path, or its name as `bursar completeness` shows it", name)}
	}
	objects := make([]string, len(named))
	for i, k := range named {
		objects[i] = ObjectName(k.Digest)
	}
	return nil, &NoFileError{fmt.Sprintf("%d files were imported as %s: name one by its object: %s", len(named), name, strings.Join(objects, ", "))}
}

// Original is a kept statement file that is damaged or missing.
type Original struct {
	Name   string // of the object
	Digest string // SHA-256 of the content that was received
	Err    error
}

// VerifyOriginals compares every kept file, and every file in the catalog, with its digest. Its error is that of a file that cannot be read
// now, which is not damaged for all that is known.
func VerifyOriginals(ctx context.Context, c catalog.Catalog, store object.Store) (files int, damaged []Original, err error) {
	names, err := store.List(ctx, "statements/")
	if err != nil {
		return 0, nil, err
	}
	due := map[string]bool{}
	for _, name := range names {
		due[name] = true
	}
	err = c.View(ctx, func(tx catalog.Tx) error {
		return tx.List(Key(""), func(key string, _ json.RawMessage) error {
			name := ObjectName(strings.TrimPrefix(key, Key("")))
			if !due[name] {
				due[name], names = true, append(names, name)
			}
			return nil
		})
	})
	if err != nil {
		return 0, nil, fmt.Errorf("list statement files: %w", err)
	}
	for _, name := range names {
		digest := path.Base(name)
		if err := checkOriginal(ctx, store, name, digest); err != nil {
			if ctx.Err() != nil {
				return 0, nil, ctx.Err()
			}
			if object.IsUnavailable(err) {
				return 0, nil, err
			}
			damaged = append(damaged, Original{name, digest, failure.Wrap(failure.Data, err)})
		}
	}
	return len(names), damaged, nil
}

func checkOriginal(ctx context.Context, store object.Store, name, digest string) error {
	in, err := store.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("statement file %s is missing", name)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	got, err := intake.FileDigest(ctx, io.NewSectionReader(in, 0, in.Size()))
	if err == nil && got != digest {
		err = fmt.Errorf("statement file %s is not what was received", name)
	}
	return err
}
