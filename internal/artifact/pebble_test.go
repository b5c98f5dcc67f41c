// Tests of the Pebble index beyond the conformance suite.

package artifact_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/artifact/indextest"
)

func TestPebbleIndex(t *testing.T) {
	t.Parallel()
	indextest.Run(t, func(t *testing.T, dir string) artifact.Index {
		return mustOpen(t, filepath.Join(dir, "not", "yet", "there"))
	})
}

// killedDir names the folder that the test's child process fills before it kills itself.
const killedDir = "BURSAR_TEST_KILLED_DIR"

// TestPebbleIndexAfterKill: loaded entries exist after a kill, without Close.
func TestPebbleIndexAfterKill(t *testing.T) {
	space := artifact.Space{Pipeline: "orders", Generation: 1}
	dropped := artifact.Space{Pipeline: "orders", Generation: 2}
	if dir := os.Getenv(killedDir); dir != "" {
		fillAndDie(t, dir, space, dropped)
	}
	t.Parallel()
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPebbleIndexAfterKill$")
	child.Env = append(os.Environ(), killedDir+"="+dir)
	if out, err := child.CombinedOutput(); err == nil || child.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v\n%s", err, out)
	}
	index := mustOpen(t, dir)
	defer index.Close()
	if got, err := indextest.Scan(index, space, 100); err != nil || len(got) != 16 || got[0] != "a@15" {
		t.Errorf("after the kill: %q, %v", got, err)
	}
	if got, err := indextest.Scan(index, dropped, 100); err != nil || len(got) != 0 {
		t.Errorf("after the kill the dropped generation has %q, %v", got, err)
	}
	if tables, err := os.ReadDir(filepath.Join(dir, "loads")); err != nil || len(tables) != 0 {
		t.Errorf("%d tables of dead loads stay, %v", len(tables), err)
	}
}

func fillAndDie(t *testing.T, dir string, space, dropped artifact.Space) {
	t.Helper()
	index := mustOpen(t, dir)
	for run := uint64(1); run <= 15; run++ { // enough for compactions
		indextest.Load(t, index, space, run, "a", fmt.Sprintf("b%02d", run))
		indextest.Load(t, index, dropped, run, "a")
	}
	if err := index.Drop(t.Context(), dropped); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "loads", "99.sst"), []byte("half a table"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	select {} // until the kill arrives
}

func TestPebbleIndexIsLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	defer mustOpen(t, dir).Close()
	if second, err := artifact.OpenPebble(dir, 0); err == nil {
		_ = second.Close()
		t.Error("a second open: no error")
	}
}

func mustOpen(t *testing.T, dir string) *artifact.PebbleIndex {
	t.Helper()
	index, err := artifact.OpenPebble(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return index
}
