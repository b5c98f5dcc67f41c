// bursar export: writes all artifacts of a pipeline as JSON lines.

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/reconcile"

	"github.com/spf13/cobra"
)

func (c *cli) exportCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "export PIPELINE --to FILE",
		Short: "Write all artifacts to a file, sorted by key",
		Long: `Writes every artifact of a pipeline, one {"key":…,"artifact":{…}} per line, sorted by key. Equal results give equal bytes,
whatever the order and grouping of the events. The file appears when it is complete.`,
		Example: `  bursar export orders --to orders.jsonl
  bursar export orders --to - | head`,
		Args:              argCount(1, 1),
		ValidArgsFunction: c.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case to == "":
				return usagef("name the file to write: bursar export %s --to FILE", args[0])
			case to == "-" && c.json:
				return usagef("--to - and --json cannot be combined: both use standard output")
			}
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.export(ctx, a, args[0], to) })
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the `file` to write; - is standard output")
	return cmd
}

func (c *cli) export(ctx context.Context, a *app.App, name, to string) error {
	if _, err := findPipeline(a, name); err != nil {
		return err
	}
	var done reconcile.Exported
	write := func(w io.Writer) (err error) {
		buffer := bufio.NewWriterSize(w, 1<<20)
		if done, err = a.Engine.Export(ctx, name, buffer); err != nil {
			return err
		}
		return buffer.Flush()
	}
	if to == "-" {
		return write(c.out)
	}
	if err := replaceFile(c.path(to), write); err != nil {
		return err
	}
	made := struct {
		reconcile.Exported
		File string `json:"file"`
	}{done, to}
	return c.result(made, func(w io.Writer) {
		fmt.Fprintf(w, "Exported %s of %s to %s.\nsha256 %s\n", plural(done.Rows, "artifact", "artifacts"), name, to, done.Digest)
	})
}

// replaceFile writes a new file and renames it to path when it is complete and durable. A device or a pipe is written
// directly.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return failure.Wrap(failure.Data, fmt.Errorf("write %s: it is a directory", path))
	case err == nil && !info.Mode().IsRegular():
		return writeTo(path, os.O_WRONLY, write)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write %s: %w", path, err)
	}
	if folder := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return failure.Wrap(failure.Data, fmt.Errorf("write %s: folder %s does not exist; create it, or write to another folder", path, folder))
		}
	}
	partial := fmt.Sprintf("%s.%d-%s.partial", path, os.Getpid(), rand.Text()[:6])
	if err := writeTo(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, write); err != nil {
		return errors.Join(err, discard(partial))
	}
	if err := os.Rename(partial, path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), discard(partial))
	}
	return nil
}

func writeTo(path string, flags int, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	err = write(f)
	if err == nil && flags&os.O_CREATE != 0 {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func discard(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove unfinished file: %w", err)
	}
	return nil
}
