// Moves processed files out of a stream's folder.

package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// unfinished are suffixes that programs use for incomplete files.
var unfinished = []string{".tmp", ".part", ".partial", ".crdownload"}

func isUnfinished(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains(unfinished, strings.ToLower(filepath.Ext(name)))
}

// errorSuffix is appended to a file's name for the file with the reason.
const errorSuffix = ".error.txt"

// maxName is the maximum length of a file name in bytes.
const maxName = 255

// outcome is the result for a file that was passed on.
type outcome struct {
	file   fs.FileInfo // as it was when it was passed on
	reason error       // why it was not ingested; nil if it was
}

// moveDecided moves processed files out of the way. A file that cannot be moved waits, and is not passed on again; a different file in the
// same place was not read, and stays.
func (b *streamFolder) moveDecided() {
	for path, d := range b.decided {
		info, err := os.Lstat(path)
		if err != nil || !sameFile(info, d.file) {
			delete(b.decided, path)
			delete(b.seen, path)
			continue
		}
		if err := b.move(path, d); err != nil {
			b.watch.warnOnce(path, "cannot move a file out of the inbox; retrying", "path", path, "error", err)
			continue
		}
		delete(b.decided, path)
	}
}

// sameFile reports whether two observations of a name are of the same file with the same content, as far as the system can tell.
func sameFile(x, y fs.FileInfo) bool {
	return os.SameFile(x, y) && x.Size() == y.Size() && x.ModTime().Equal(y.ModTime())
}

// move moves a file to the folder of its outcome, with the reason beside it if it failed.
func (b *streamFolder) move(path string, d outcome) error {
	folder, suffix := TakenFolder, ""
	if d.reason != nil {
		folder, suffix = FailedFolder, errorSuffix
	}
	target, err := b.freeName(path, folder, suffix)
	if err != nil {
		return err
	}
	if d.reason != nil {
		if err := os.WriteFile(target+errorSuffix, []byte(d.reason.Error()+"\n"), 0o644); err != nil {
			return fmt.Errorf("write why a file failed: %w", err)
		}
	}
	if err := os.Rename(path, target); err != nil {
		if d.reason != nil {
			_ = os.Remove(target + errorSuffix) // it is written again with the next try
		}
		return err
	}
	if info, err := os.Lstat(target); err == nil && !sameFile(info, d.file) {
		return b.moveBack(target, path)
	}
	return nil
}

// moveBack undoes the move of a file that replaced another at the last moment.
func (b *streamFolder) moveBack(target, path string) error {
	name, err := b.freeName(path, "", "")
	if err == nil {
		err = os.Rename(target, name)
	}
	if err != nil {
		return fmt.Errorf("move %s back, which was not read: %w", target, err)
	}
	return nil
}

// freeName returns a free name for a file in a subfolder: its own, or with a number before the extensions. The name with suffix appended
// is free, too. Names that would be too long are shortened before the number.
func (b *streamFolder) freeName(path, folder, suffix string) (string, error) {
	dir := filepath.Join(b.dir, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make folder in the inbox: %w", err)
	}
	base := filepath.Base(path)
	name, endings, dotted := strings.Cut(base, ".")
	if dotted {
		endings = "." + endings
	}
	if len(endings) > maxName/2 {
		name, endings = base, ""
	}
	for n := 1; ; n++ {
		number := ""
		if n > 1 {
			number = fmt.Sprintf("-%d", n)
		}
		rest := number + endings
		target := filepath.Join(dir, shorten(name, maxName-len(rest)-len(suffix))+rest)
		free, err := isFree(target)
		if err == nil && free && suffix != "" {
			free, err = isFree(target + suffix)
		}
		if err != nil {
			return "", fmt.Errorf("find a name in %s: %w", dir, err)
		}
		if free {
			return target, nil
		}
	}
}

// shorten cuts a name to maxBytes, between characters.
func shorten(name string, maxBytes int) string {
	if len(name) <= maxBytes {
		return name
	}
	for maxBytes > 0 && !utf8.RuneStart(name[maxBytes]) {
		maxBytes--
	}
	return name[:maxBytes]
}

func isFree(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}
