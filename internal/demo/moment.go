// The moments to kill, found by watching the objects folder grow.

package demo

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// tree is how many files stand below a folder, and their bytes.
type tree struct {
	files int
	bytes int64
}

// measure walks a folder that another process writes to: what vanishes under way does not count.
func measure(dir, prefix string) (t tree) {
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

func (s *story) objects(path ...string) string {
	return filepath.Join(append([]string{s.Dir, ".bursar", "objects"}, path...)...)
}

// unfinished measures the objects that are written but not committed.
func (s *story) unfinished() tree { return measure(s.objects(".tmp"), "") }

// manifest is the file that is the last before a batch is sealed.
func (s *story) manifest(batch uint64) string {
	return s.objects("streams", stream, "batches", fmt.Sprintf("%08d", batch), "manifest.json")
}

// delta measures what the first step of a run, reduce, has made.
func (s *story) delta(run uint64) tree {
	return measure(s.objects("pipelines", pipeline, "g0001", "runs", fmt.Sprintf("%08d", run)), "delta-")
}

// buffered is how many bytes of input may well be written in one go at the end.
const buffered = 16 << 20

// midIntake is the moment at which an intake of so many bytes has begun its objects and, unless it is a short one,
// written to them.
func (s *story) midIntake(input int64, seen *tree) func() bool {
	return func() bool {
		*seen = s.unfinished()
		return seen.bytes > 0 || seen.files > 0 && input < buffered
	}
}

// midRun is the moment at which a run has made its delta, and nothing of it is published.
func (s *story) midRun(run uint64, seen *tree) func() bool {
	return func() bool {
		*seen = s.delta(run)
		return seen.files > 0
	}
}
