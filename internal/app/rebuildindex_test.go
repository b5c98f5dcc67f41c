// Rebuilds of a pipeline with a damaged index: they end with correct artifacts, or name the command that repairs the index.

package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/reconcile/verify"
)

// TestRebuildOnADamagedIndex damages a table of the index while the project is closed.
func TestRebuildOnADamagedIndex(t *testing.T) {
	t.Parallel()
	base := openTwoRuns(t)
	before := digestOf(t, base)
	if err := base.Close(); err != nil {
		t.Fatal(err)
	}
	flip := func(tenth int64) func(path string) error {
		return func(path string) error {
			info, err := os.Stat(path)
			if err == nil {
				flipFile(t, path, int(info.Size()*tenth/10))
			}
			return err
		}
	}
	for name, damage := range map[string]func(path string) error{
		"deleted": os.Remove, "cut off": func(path string) error { return os.Truncate(path, 100) },
		"flipped at its begin": flip(0), "flipped in the middle": flip(4), "flipped near its end": flip(9),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			copyFolder(t, filepath.Dir(base.state), dir)
			if err := damage(indexTable(t, filepath.Join(dir, ".bursar"))); err != nil {
				t.Fatal(err)
			}
			rebuildDamaged(t, dir, before)
		})
	}
}

// TestRebuildEndsWhenTheOldIndexIsDamaged checks that a rebuild succeeds although entries of the old generation cannot be removed
// after the switch.
func TestRebuildEndsWhenTheOldIndexIsDamaged(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	before := digestOf(t, a)
	engine := engineOver(a, a.Engine.Catalog)
	engine.Index = &undroppedIndex{a.Engine.Index}
	rebuilt, err := rebuildHere(t.Context(), appOver(engine), "orders")
	if err != nil || rebuilt.Generation != 2 || rebuilt.DigestAfter != before {
		t.Fatalf("%+v, %v", rebuilt, err)
	}
	checkArtifact(t, a, `{"paid":"11.00","last":"4"}`)
	if err := a.Verifier.CheckRecords(t.Context(), "orders"); err != nil {
		t.Error(err)
	}
	if again, err := rebuildHere(t.Context(), a, "orders"); err != nil || again.Generation != 3 {
		t.Fatalf("%+v, %v", again, err)
	}
	checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
}

// undroppedIndex is an index with a damaged table of generation 1, which cannot be dropped.
type undroppedIndex struct{ artifact.Index }

func (u *undroppedIndex) Drop(ctx context.Context, space artifact.Space) error {
	if space.Generation == 1 {
		return fmt.Errorf("drop index: %w", artifact.ErrIndexDamaged)
	}
	return u.Index.Drop(ctx, space)
}

// rebuildDamaged rebuilds orders in a project with a damaged index, and repairs the project if verify or the rebuild ask for it.
func rebuildDamaged(t *testing.T, dir, before string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	a, err := Open(t.Context(), dir, "rebuild", log)
	if err != nil {
		t.Fatal(err)
	}
	rebuilt, err := rebuildHere(t.Context(), a, "orders")
	if err == nil {
		if rebuilt.DigestAfter != before {
			t.Errorf("other artifacts: %+v", rebuilt)
		}
		checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
	} else {
		mustRefuse(t, "rebuild", err, "bursar repair")
	}
	verified, failed := a.VerifyProject(t.Context(), verify.Options{Sample: 10}, func(string, int64, int64) {})
	if failed != nil || err != nil && verified.OK {
		t.Errorf("after the rebuild verify says %+v, %v", verified, failed)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if repaired, err := Repair(t.Context(), dir, RepairOptions{Sample: 10}, log); err != nil || !repaired.OK {
		t.Errorf("repair: %+v, %v", repaired, err)
	}
	a, err = Open(t.Context(), dir, "rebuild", log)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if again, err := rebuildHere(t.Context(), a, "orders"); err != nil || again.DigestAfter != before {
		t.Errorf("a rebuild after the repair: %+v, %v", again, err)
	}
	if verified, err := a.Verifier.Verify(t.Context(), "orders", verify.Options{Sample: 10}); err != nil || !verified.OK {
		t.Errorf("in the end verify says %+v, %v", verified, err)
	}
}
