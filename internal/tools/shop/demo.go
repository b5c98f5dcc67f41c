// Writes the demonstration's project folder and its batch files, in order of receipt.

package shop

import (
	"bufio"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed project
var projectFiles embed.FS

// Demo writes a project folder to dir, with the batches as data/batch-01.jsonl and so on, to be ingested in that order. It
// returns the ledger with the expected results. Existing files are overwritten, with equal bytes if the options are equal.
// Memory is bounded by the ledger, about 80 bytes per order.
func Demo(ctx context.Context, dir string, options Options) (*Ledger, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("generate shop: %w", err)
	}
	if err := writeProject(dir); err != nil {
		return nil, fmt.Errorf("write project: %w", err)
	}
	g := newGenerator(options)
	for batch := range options.Batches {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("generate shop: %w", err)
		}
		if err := writeBatch(filepath.Join(dir, filepath.FromSlash(options.fileName(batch))), g, batch); err != nil {
			return nil, fmt.Errorf("write batch %d: %w", batch+1, err)
		}
	}
	return g.ledger, nil
}

// writeProject copies the declared stream and pipeline, and creates the folder of the batches.
func writeProject(dir string) error {
	tree, err := fs.Sub(projectFiles, "project/demo")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return err
	}
	return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(path))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
}

func writeBatch(path string, g *generator, batch int) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	out := bufio.NewWriterSize(file, 1<<20)
	if err := g.batch(out, batch); err != nil {
		return err
	}
	return out.Flush()
}
