// Writes the demonstration's project folder and its batch files, in order of receipt.

package shop

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed project
var projectFiles embed.FS

// Demo writes a project folder to dir, with the batches as data/batch-01.jsonl and so on, to be ingested in that order. It
// returns the ledger with the expected results. dir must not contain a project.
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
	return errors.Join(os.CopyFS(dir, tree), os.MkdirAll(filepath.Join(dir, "data"), 0o755))
}

func writeBatch(path string, g *generator, batch int) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	if err := g.batch(out, batch); err != nil {
		return err
	}
	return out.Flush()
}
