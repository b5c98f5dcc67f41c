package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unfinished are the endings by which programs mark what they have not written to the end.
var unfinished = []string{".tmp", ".part", ".partial", ".crdownload"}

func isUnfinished(name string) bool {
	for _, ending := range unfinished {
		if strings.HasSuffix(strings.ToLower(name), ending) {
			return true
		}
	}
	return strings.HasPrefix(name, ".")
}

// errorSuffix is what the name of a file's reason adds to its own.
const errorSuffix = ".error.txt"

// setAside moves a file that cannot be taken, with the reason beside it.
func (b *box) setAside(path string, reason error) error {
	target, err := b.room(path, FailedFolder)
	if err != nil {
		return err
	}
	if err := os.WriteFile(target+errorSuffix, []byte(reason.Error()+"\n"), 0o644); err != nil {
		return fmt.Errorf("say why a file failed: %w", err)
	}
	return rename(path, target)
}

// move moves files out of the way.
func (b *box) move(paths []string, folder string) error {
	for _, path := range paths {
		target, err := b.room(path, folder)
		if err == nil {
			err = rename(path, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rename moves a file that may be gone by now.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move file out of the inbox: %w", err)
	}
	return nil
}

// room finds a free name for a file in a folder of the box: its own, or with a number before the endings.
func (b *box) room(path, folder string) (string, error) {
	dir := filepath.Join(b.dir, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make folder in the inbox: %w", err)
	}
	name, endings, _ := strings.Cut(filepath.Base(path), ".")
	if endings != "" {
		endings = "." + endings
	}
	target := filepath.Join(dir, name+endings)
	for n := 2; taken(target); n++ {
		target = filepath.Join(dir, fmt.Sprintf("%s-%d%s", name, n, endings))
	}
	return target, nil
}

func taken(path string) bool {
	for _, p := range []string{path, path + errorSuffix} {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}
