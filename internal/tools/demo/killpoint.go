// Decides when to kill a command, by watching the objects folder.

package demo

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// fileCount is the number of files below a folder, and their bytes.
type fileCount struct {
	files int
	bytes int64
}

// countFiles walks a folder that another process writes to. Files that disappear during the walk do not count.
func countFiles(dir, prefix string) (t fileCount) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
			if info, err := entry.Info(); err == nil {
				t.files++
				t.bytes += info.Size()
			}
		}
		return nil
	})
	return t
}

func (s *demonstration) objects(path ...string) string {
	return filepath.Join(append([]string{s.Dir, ".bursar", "objects"}, path...)...)
}

// unfinished counts the objects that are written but not committed.
func (s *demonstration) unfinished() fileCount { return countFiles(s.objects(".tmp"), "") }

// manifest returns the path of a batch's manifest.
func (s *demonstration) manifest(batch uint64) string {
	return s.objects("streams", stream, "batches", fmt.Sprintf("%08d", batch), "manifest.json")
}

// delta counts the files that reduce, the first step of a run, has made.
func (s *demonstration) delta(run uint64) fileCount {
	return countFiles(s.objects("pipelines", pipeline, "g0001", "runs", fmt.Sprintf("%08d", run)), "delta-")
}

// bufferLimit is the size of input that intake may write at once at the end.
const bufferLimit = 16 << 20

// midIntake returns a condition that is true once an intake of input bytes has created its objects and, unless the input is
// short, written to them.
func (s *demonstration) midIntake(input int64, seen *fileCount) func() bool {
	return func() bool {
		*seen = s.unfinished()
		return seen.bytes > 0 || seen.files > 0 && input < bufferLimit
	}
}

// midRun returns a condition that is true once a run has made its delta, and before it is published.
func (s *demonstration) midRun(run uint64, seen *fileCount) func() bool {
	return func() bool {
		*seen = s.delta(run)
		return seen.files > 0
	}
}
