// Helpers for tests of whole projects: copying and opening a project folder, and running pipelines without Temporal.

package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/object"
	programs "bursar/internal/process"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"
)

// TestMain makes garbage collection less frequent, because the tests open many small projects. The binary is also the guard of programs.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == programs.GuardCommand {
		os.Exit(programs.GuardMain(os.Args[2:]))
	}
	debug.SetGCPercent(400)
	home, err := os.MkdirTemp("", "app-test-")
	if err == nil {
		err = os.Setenv("XDG_CONFIG_HOME", home) // where the keys of vaults are
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// openTest copies a project folder into the test's folder and opens it until the test ends.
func openTest(t *testing.T, dir string) *App {
	t.Helper()
	own := t.TempDir()
	if err := os.CopyFS(own, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(own, ".bursar")); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), own, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// runAll works off a pipeline's backlog, step by step in this goroutine, and returns the number of runs.
func runAll(t *testing.T, a *App, pipeline string) (published int) {
	t.Helper()
	for ; ; published++ {
		next, err := a.Steps.Next(t.Context(), pipeline, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		if !next.Backlog {
			return published
		}
		for _, step := range runs.StepNames {
			if _, err := a.Steps.Step(t.Context(), next.Ref, step); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// rebuildHere rebuilds a pipeline, step by step in this goroutine.
func rebuildHere(ctx context.Context, a *App, pipeline string) (rebuild.Result, error) {
	return a.Rebuilder.Rebuild(ctx, pipeline, func(ctx context.Context) error {
		for {
			next, err := a.Steps.Next(ctx, pipeline, 0, true)
			if err != nil || !next.Backlog {
				return err
			}
			for _, step := range runs.StepNames {
				if _, err := a.Steps.Step(ctx, next.Ref, step); err != nil {
					return err
				}
			}
		}
	})
}

// keysOf lists the catalog's keys with a prefix.
func keysOf(t *testing.T, a *App, prefix string) (keys []string) {
	t.Helper()
	err := a.Engine.Catalog.View(t.Context(), func(tx catalog.Tx) error {
		return tx.List(prefix, func(key string, _ json.RawMessage) error {
			keys = append(keys, key)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// objectPath returns the path of an object's file.
func objectPath(a *App, name string) string {
	return a.Engine.Objects.Files().Path(object.Description{Name: name})
}
