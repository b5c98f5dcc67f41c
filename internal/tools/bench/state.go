// Prepares the state that each round starts from, through the ordinary intake and runs, and copies it.

package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/tools/shop"
)

const (
	eventsPerFile = 1_000_000 // of the state
	filesPerRun   = 3         // of the state
)

func (b *bench) prepare(ctx context.Context) error {
	if err := writeProject(b.preparedDir(), b.pipeline); err != nil {
		return err
	}
	began := time.Now()
	if err := b.runChild(ctx, childSpec{Kind: kindState, Dir: b.preparedDir(), State: b.State}, &b.stateTotals); err != nil {
		return err
	}
	b.logf("prepared %d artifacts of state in %.1f s", b.State, time.Since(began).Seconds())
	return nil
}

// writeProject declares the stream, and the pipeline unless it is empty.
func writeProject(dir, pipeline string) error {
	files := map[string]string{"bursar.yaml": "", "streams/payments.yaml": shop.BenchStream}
	if pipeline != "" {
		files["pipelines/orders.yaml"] = pipeline
	}
	return writeFiles(dir, files)
}

// writeFiles writes the files of a project.
func writeFiles(dir string, files map[string]string) error {
	for path, text := range files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			return fmt.Errorf("write bench project: %w", err)
		}
	}
	return nil
}

// makeState ingests one event for each key of the state, runs the pipeline, and waits for the compaction of an
// embedded index.
func makeState(ctx context.Context, spec childSpec) (sum shop.Totals, err error) {
	err = withProject(ctx, spec.Dir, func(a *app.App) error {
		if err := a.StartTemporal(ctx); err != nil {
			return err
		}
		sum, err = spec.writeState(func(path string, files int) error {
			err := ingestFile(ctx, a, path)
			if err == nil && (files%filesPerRun == 0 || files*eventsPerFile >= spec.State) {
				_, err = a.Run(ctx, []string{pipeline}, nil)
			}
			return err
		})
		if err != nil || !a.Project.Config.IsLocal() {
			return err
		}
		return awaitCompaction(ctx, filepath.Join(spec.Dir, ".bursar", "index"))
	})
	return sum, err
}

// writeState writes the events of the state into files. It calls ingest with each, and the number of files so far, and then
// removes the file.
func (s childSpec) writeState(ingest func(path string, files int) error) (sum shop.Totals, err error) {
	path := filepath.Join(s.Dir, "state.jsonl")
	for at := 0; at < s.State; at += eventsPerFile {
		err := shop.WriteFile(path, func(w *bufio.Writer) error {
			totals, err := shop.WriteState(w, shop.Bench{Seed: seed, State: s.State}, at, min(eventsPerFile, s.State-at))
			sum = addTotals(sum, totals)
			return err
		})
		if err == nil {
			err = ingest(path, at/eventsPerFile+1)
		}
		if err := errors.Join(err, os.Remove(path)); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

const (
	quietPeriod       = time.Second     // without changes of the index, after which its compaction is complete
	compactionTimeout = 5 * time.Minute // maximum wait for the compaction
)

// awaitCompaction waits until the compaction of the index, which runs in the background, is complete.
func awaitCompaction(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, compactionTimeout)
	defer cancel()
	tick := time.NewTicker(quietPeriod)
	defer tick.Stop()
	before := ""
	for {
		now, err := listFiles(dir)
		if err != nil {
			return fmt.Errorf("wait for compaction of the index: %w", err)
		}
		if now == before {
			return nil
		}
		before = now
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for compaction of the index: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// listFiles returns the names and sizes of the files in a folder, as text.
func listFiles(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // the compaction has just removed it
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, entry.Name(), info.Size())
	}
	return b.String(), nil
}

// copyState copies a closed project. Objects and the tables of the index are immutable, so they are linked; every round then
// finds the same pages in the system's cache. All other files are copied.
func copyState(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case isImmutable(filepath.ToSlash(rel)):
			return os.Link(path, target)
		default:
			return copyFile(path, target)
		}
	})
	if err != nil {
		return fmt.Errorf("copy prepared state: %w", err)
	}
	return nil
}

func isImmutable(name string) bool {
	return strings.HasPrefix(name, ".bursar/objects/") || strings.HasPrefix(name, ".bursar/index/") && strings.HasSuffix(name, ".sst")
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return shop.WriteFile(to, func(w *bufio.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}
