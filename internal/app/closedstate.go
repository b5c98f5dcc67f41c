// The sizes and digests of the stores' files when the project was last closed. Verify and repair compare them, because not
// every byte of these files has a checksum.

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
	"bursar/internal/durable"
)

// maxDigestBytes bounds the files that are digested at each close, in bytes: of larger ones only the size is kept, since
// reading them would make every command slow. So it is for tables of the index, whose blocks have checksums of their own.
const maxDigestBytes = 8 << 20

// closedFile is a file as it was when the project was closed.
type closedFile struct {
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest,omitempty"`
}

// closedState is the content of closed.json: the files of a project's state when it was last closed normally. The file is removed
// when the project is opened, so there is none after a kill. A file that cannot be read is ignored.
type closedState struct {
	Files       map[string]closedFile `json:"files"`
	Differences []string              `json:"found,omitempty"` // known differences that are not repaired yet
}

func (a *App) closedStatePath() string { return filepath.Join(a.state, "closed.json") }

// compareWithClosed loads the known differences and, with compare, adds those of the files now. It runs before the state is
// opened. Differences stay known until a repair.
func (a *App) compareWithClosed(compare bool) {
	text, err := os.ReadFile(a.closedStatePath())
	if err != nil {
		return
	}
	var recorded closedState
	if err := json.Unmarshal(text, &recorded); err != nil {
		a.log.Info("cannot read the state at the last close", "error", err)
		return
	}
	a.differences = recorded.Differences
	if !compare {
		return
	}
	current := a.listStateFiles(recorded.Files)
	for name, left := range recorded.Files {
		if found, ok := current[name]; !ok {
			a.differences = append(a.differences, name+" is missing")
		} else if found != left {
			a.differences = append(a.differences, name+" is not as it was when the project was closed")
		}
	}
	for name := range current {
		if _, ok := recorded.Files[name]; !ok {
			a.differences = append(a.differences, name+" was not there when the project was closed")
		}
	}
	slices.Sort(a.differences)
	a.differences = slices.Compact(a.differences)
}

// listStateFiles returns the size and digest of the stores' files. Large files get a digest only if they had one before.
func (a *App) listStateFiles(before map[string]closedFile) map[string]closedFile {
	files := map[string]closedFile{}
	// temporal.db is left out: this process may have it open, and closing another handle of it would drop SQLite's locks.
	for _, pattern := range []string{"catalog.db*", "identity.key", "index/*"} {
		paths, err := filepath.Glob(filepath.Join(a.state, pattern))
		if err != nil {
			continue
		}
		for _, path := range paths {
			name, err := filepath.Rel(a.state, path)
			info, failed := os.Stat(path)
			if err != nil || failed != nil || !info.Mode().IsRegular() || isEphemeral(name) {
				continue
			}
			if strings.HasSuffix(name, "-wal") && info.Size() == 0 { // SQLite leaves an empty log after reading only
				continue
			}
			file := closedFile{Bytes: info.Size()}
			if was, ok := before[name]; ok && was.Digest != "" || file.Bytes <= maxDigestBytes && filepath.Ext(name) != ".sst" {
				if text, err := os.ReadFile(path); err == nil {
					file.Digest = column.Sum128(text).String()
				}
			}
			files[filepath.ToSlash(name)] = file
		}
	}
	return files
}

// isEphemeral reports whether a file has no meaning while the store is closed, or is kept only for people.
func isEphemeral(name string) bool {
	return strings.HasSuffix(name, "-shm") || strings.HasSuffix(name, ".damaged") || strings.HasSuffix(name, ".damaged-wal") || filepath.Base(name) == "LOCK"
}

// removeClosedState removes the file before the state changes, so that there is none after a kill.
func (a *App) removeClosedState() error {
	if err := durable.Remove(a.closedStatePath()); err != nil {
		return fmt.Errorf("open project: %w", err)
	}
	return nil
}

// recordClosedState writes the file once all stores are closed. If it cannot be written, nothing is compared later.
func (a *App) recordClosedState() error {
	if !a.opened {
		return nil
	}
	text, err := json.Marshal(closedState{Files: a.listStateFiles(nil), Differences: a.differences})
	if err == nil {
		err = durable.WriteFile(a.closedStatePath(), text)
	}
	if err != nil {
		_ = os.Remove(a.closedStatePath())
		a.log.Info("cannot record the state at close", "error", err)
	}
	return nil
}

func (a *App) hasDifference(prefix string) bool {
	return slices.ContainsFunc(a.differences, func(text string) bool { return strings.HasPrefix(text, prefix) })
}

func (v *projectVerification) checkFiles() {
	var err error
	if len(v.differences) > 0 {
		err = errors.New(strings.Join(v.differences, "; "))
	}
	detail := "the files of the stores are as they were when the project was closed"
	if v.Project.Config.HasSeveralProcesses() {
		detail = "the stores that several processes use are not local files"
	}
	v.add(newCheck("files", ""), detail, err)
}
