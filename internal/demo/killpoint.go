// The moments to kill, found by watching the objects folder grow.

package demo

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// fileCount is how many files stand below a folder, and their bytes.
type fileCount struct {
	files int
	bytes int64
}

// countFiles walks a folder that another process writes to: what vanishes under way does not count.
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

// unfinished measures the objects that are written but not committed.
func (s *demonstration) unfinished() fileCount { return countFiles(s.objects(".tmp"), "") }

// manifest is the file that is the last before a batch is sealed.
func (s *demonstration) manifest(batch uint64) string {
	return s.objects("streams", stream, "batches", fmt.Sprintf("%08d", batch), "manifest.json")
}

// delta measures what the first step of a run, reduce, has made.
func (s *demonstration) delta(run uint64) fileCount {
	return countFiles(s.objects("pipelines", pipeline, "g0001", "runs", fmt.Sprintf("%08d", run)), "delta-")
}

// bufferLimit is how many bytes of input may well be written in one go at the end.
const bufferLimit = 16 << 20

// midIntake is the moment at which an intake of so many bytes has begun its objects and, unless it is a short one,
// written to them.
func (s *demonstration) midIntake(input int64, seen *fileCount) func() bool {
	return func() bool {
		*seen = s.unfinished()
		return seen.bytes > 0 || seen.files > 0 && input < bufferLimit
	}
}

// midRun is the moment at which a run has made its delta, and nothing of it is published.
func (s *demonstration) midRun(run uint64, seen *fileCount) func() bool {
	return func() bool {
		*seen = s.delta(run)
		return seen.files > 0
	}
}
