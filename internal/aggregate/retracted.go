// Imported files by their names, and those of them that are retracted.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// NoFileError is that no imported file, or more than one, has a name. Class Data, exit code 3 (DESIGN §7).
type NoFileError struct{ message string }

func (e *NoFileError) Error() string { return e.message }

// Class is Data: it stays so.
func (e *NoFileError) Class() failure.Class { return failure.Data }

// ExitCode is that of what is not found.
func (e *NoFileError) ExitCode() int { return 3 }

// Retracted lists the files that are retracted, by name.
func Retracted(ctx context.Context, from catalog.Catalog) (list []RetractedFile, err error) {
	err = eachKept(ctx, from, func(k *kept) {
		if k.Retracted != nil {
			list = append(list, RetractedFile{Retraction: *k.Retracted, File: k.name(), Object: objectName(k.Digest)})
		}
	})
	slices.SortFunc(list, func(a, b RetractedFile) int { return strings.Compare(a.File+a.Object, b.File+b.Object) })
	return list, err
}

// eachKept hands on each file that was taken in.
func eachKept(ctx context.Context, from catalog.Catalog, each func(*kept)) error {
	var all []kept
	err := from.View(ctx, func(tx catalog.Tx) error {
		all = nil
		return tx.List(keptKey(""), func(_ string, value json.RawMessage) error {
			var k kept
			err := json.Unmarshal(value, &k)
			all = append(all, k)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("list imported files: %w", err)
	}
	for i := range all {
		each(&all[i])
	}
	return nil
}

// name is that of the file as it was imported, or of the first in an archive.
func (k *kept) name() string {
	if len(k.Parts) == 0 {
		return k.Digest
	}
	return k.Parts[0].File
}

// imported finds a file that was taken in.
func (im *Importer) imported(ctx context.Context, name string) (found *kept, err error) {
	digest, err := im.digestAt(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var named []kept // others of this name
	isPath := false
	err = eachKept(ctx, im.Catalog, func(k *kept) {
		switch {
		case k.Digest == digest || k.Digest == name || objectName(k.Digest) == name:
			found, isPath = k, k.Digest == digest
		case slices.ContainsFunc(k.Parts, func(p Part) bool { return p.File == name || digest == "" && filepath.Base(p.File) == name }):
			named = append(named, *k)
		}
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
		objects[i] = objectName(k.Digest)
	}
	return nil, &NoFileError{fmt.Sprintf("%d files were imported as %s: name one by its object: %s", len(named), name, strings.Join(objects, ", "))}
}

// digestAt is the digest of a file on the disk.
func (im *Importer) digestAt(ctx context.Context, path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fs.ErrNotExist
	}
	return im.digest(ctx, path)
}
