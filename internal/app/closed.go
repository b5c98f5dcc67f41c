// How files are left when the project is closed: files whose content is not covered by checksums to the last byte are compared when
// the project is verified or repaired.

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/object"
)

// closedDigest bounds the files that are digested at each close, in bytes: of larger ones only the size is kept, since
// reading them would make every command slow. So it is for tables of the index, whose blocks have checksums of their own.
const closedDigest = 8 << 20

// closedFile is how a file was left.
type closedFile struct {
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest,omitempty"`
}

// closed is what a project's state looked like when it was last closed in good order. The file that holds it is removed when the
// project is opened: after a kill there is none. One that cannot be read counts as none, too.
type closed struct {
	Files map[string]closedFile `json:"files"`
	Found []string              `json:"found,omitempty"` // differences that were found and not mended yet
}

func (a *App) closedPath() string { return filepath.Join(a.state, "closed.json") }

// compareClosed compares the state with how it was left, before it is opened. What differs stays known until it is mended.
func (a *App) compareClosed(compare bool) {
	text, err := os.ReadFile(a.closedPath())
	if err != nil {
		return
	}
	var was closed
	if err := json.Unmarshal(text, &was); err != nil {
		a.log.Info("it cannot be read how the project was left", "error", err)
		return
	}
	a.found = was.Found
	if !compare {
		return
	}
	now := a.lookClosed(was.Files)
	for name, left := range was.Files {
		if found, ok := now[name]; !ok {
			a.found = append(a.found, name+" is gone")
		} else if found != left {
			a.found = append(a.found, name+" is not as it was when the project was closed")
		}
	}
	for name := range now {
		if _, ok := was.Files[name]; !ok {
			a.found = append(a.found, name+" was not there when the project was closed")
		}
	}
	slices.Sort(a.found)
	a.found = slices.Compact(a.found)
}

// lookClosed looks at the stores' files. A digest is made where there was one before, or of every file that is not large.
func (a *App) lookClosed(before map[string]closedFile) map[string]closedFile {
	files := map[string]closedFile{}
	// Not temporal.db: this process may still have it open, and reading it besides would end the locks that SQLite has on it.
	for _, pattern := range []string{"catalog.db*", "identity.key", "index/*"} {
		paths, err := filepath.Glob(filepath.Join(a.state, pattern))
		if err != nil {
			continue
		}
		for _, path := range paths {
			name, err := filepath.Rel(a.state, path)
			info, failed := os.Stat(path)
			if err != nil || failed != nil || !info.Mode().IsRegular() || ephemeral(name) {
				continue
			}
			if strings.HasSuffix(name, "-wal") && info.Size() == 0 { // SQLite leaves one where it may only read
				continue
			}
			file := closedFile{Bytes: info.Size()}
			if was, ok := before[name]; ok && was.Digest != "" || file.Bytes <= closedDigest && filepath.Ext(name) != ".sst" {
				file.Digest = digestOfFile(path)
			}
			files[filepath.ToSlash(name)] = file
		}
	}
	return files
}

// ephemeral reports whether a file means nothing while nobody has the store open, or is kept aside for people.
func ephemeral(name string) bool {
	return strings.HasSuffix(name, "-shm") || strings.HasSuffix(name, ".damaged") || strings.HasSuffix(name, ".damaged-wal") || filepath.Base(name) == "LOCK"
}

func digestOfFile(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return column.Sum128(text).String()
}

// beginChange takes note that the state is about to change.
func (a *App) beginChange() error {
	if err := object.RemoveFile(a.closedPath()); err != nil {
		return fmt.Errorf("open project: %w", err)
	}
	return nil
}

// leave notes how the state is left, once all stores are closed. What it cannot write is not compared.
func (a *App) leave() error {
	if !a.changed {
		return nil
	}
	text, err := json.Marshal(closed{Files: a.lookClosed(nil), Found: a.found})
	if err == nil {
		err = object.WriteFile(a.closedPath(), text)
	}
	if err != nil {
		_ = os.Remove(a.closedPath())
		a.log.Info("it is not noted how the project was left", "error", err)
	}
	return nil
}

// mended forgets what was found.
func (a *App) mended() { a.found = nil }

// foundOf reports whether something was found about files whose names start so.
func (a *App) foundOf(prefix string) bool {
	return slices.ContainsFunc(a.found, func(text string) bool { return strings.HasPrefix(text, prefix) })
}

// checkFiles repeats what differs from how the project was left.
func (v *projectVerification) checkFiles() {
	var err error
	if len(v.found) > 0 {
		err = errors.New(strings.Join(v.found, "; "))
	}
	v.add(named("files"), "the files of the stores are as they were left", err)
}
