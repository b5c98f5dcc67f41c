// Tests of the folders for temporary files of several processes.

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestProcessScratch starts processes at the same time in a folder where many were killed: each gets a folder of its own, and the old ones go.
func TestProcessScratch(t *testing.T) {
	t.Parallel()
	for range 20 {
		dir := t.TempDir()
		for n := range 30 {
			old := filepath.Join(dir, fmt.Sprint(n))
			if err := os.Mkdir(old, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(old+scratchLock, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				a := &App{}
				own, err := a.processScratch(dir)
				if err == nil {
					_, err = os.Stat(own)
				}
				if err != nil {
					t.Error(err)
				}
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left are %v, %v", left, err)
		}
	}
}
