// A backup folder, from which repair restores files: a copy of the project folder, or any folder with some of its files.

package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/event/repair"
	"bursar/internal/object"
)

var _ repair.Backup = (*backup)(nil)

// backup finds files below a folder by size, name and content. Without a folder it finds none.
type backup struct {
	objects object.Store
	bySize  map[int64][]string
	all     []string
}

func newBackup(dir string) (*backup, error) {
	b := &backup{bySize: map[int64][]string{}}
	if dir == "" {
		return b, nil
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		b.bySize[info.Size()] = append(b.bySize[info.Size()], path)
		b.all = append(b.all, path)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read backup %s: %w", dir, err)
	}
	return b, nil
}

// Object restores the object that a description describes, and reports whether the backup has it.
func (b *backup) Object(ctx context.Context, d object.Description) (bool, error) {
	for _, path := range b.bySize[d.Bytes] {
		out, err := object.CreateDescribed(ctx, b.objects, d.Name)
		if err != nil {
			return false, err
		}
		if err := copyFile(path, out); err != nil {
			return false, errors.Join(err, out.Abort())
		}
		if out.Sum() != d.Digest {
			if err := out.Abort(); err != nil {
				return false, err
			}
			continue
		}
		return true, out.Commit()
	}
	return false, nil
}

// File restores an object from a file of the same name for which isValid returns true, and reports whether there is one.
func (b *backup) File(ctx context.Context, name string, isValid func(text []byte) bool) (bool, error) {
	for _, path := range b.all {
		if !strings.HasSuffix(filepath.ToSlash(path), "/"+name) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return false, fmt.Errorf("read backup: %w", err)
		}
		if isValid(text) {
			out, err := b.objects.Create(ctx, name)
			if err != nil {
				return true, err
			}
			if _, err := out.Write(text); err != nil {
				return true, errors.Join(err, out.Abort())
			}
			return true, out.Commit()
		}
	}
	return false, nil
}

// original restores a statement file with the given SHA-256 digest.
func (b *backup) original(ctx context.Context, name, digest string) (bool, error) {
	return b.File(ctx, name, func(text []byte) bool {
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:]) == digest
	})
}

func copyFile(path string, out io.Writer) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	defer in.Close()
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("restore from %s: %w", path, err)
	}
	return nil
}
