// bursar export: writes all artifacts of a pipeline to a file.

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

func (c *cli) exportCommand() *cobra.Command {
	var o rowFlags
	cmd := &cobra.Command{
		Use:   "export PIPELINE --to FILE",
		Short: "Write all artifacts to a file, sorted by key",
		Long: `Writes every artifact of a pipeline, sorted by key. Its suffix names the format, or --format:

  jsonl    one {"key":…,"artifact":{…}} per line; the default of standard output
  csv      a header, then one line per artifact; lists are JSON, a null is empty
  parquet  typed columns; decimals are decimals, lists are lists

Equal results give equal bytes, whatever the order and grouping of the events. The file appears when it is complete.`,
		Example: `  bursar export orders --to orders.jsonl
  bursar export orders --to orders.parquet
  bursar export orders --to orders.csv --columns order_id,currency,balance
  bursar export orders --to - --format csv | head`,
		Args:              argCount(1, 1),
		ValidArgsFunction: c.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.format == "" && o.to == "-" {
				o.format = jsonFormat
			}
			switch err := o.check(cmd, false); {
			case o.to == "":
				return usagef("name the file to write: bursar export %s --to FILE.csv, .jsonl or .parquet", args[0])
			case err != nil:
				return err
			case o.to == "-" && c.json:
				return usagef("--to - and --json cannot be combined: both use standard output")
			case o.forPeople():
				return usagef("--format %s: unknown format of an export: use %s", o.format, strings.Join(fileFormats, ", "))
			}
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.export(ctx, a, args[0], &o) })
		},
	}
	o.addTo(cmd, 0, "")
	cmd.Flags().Lookup("to").Usage = "the `file` to write: .csv, .jsonl or .parquet; - is standard output"
	cmd.Flags().Lookup("format").Usage = "csv, jsonl or parquet"
	cmd.Flags().Lookup("columns").Usage = "write these columns, in this order"
	return cmd
}

func (c *cli) export(ctx context.Context, a *app.App, name string, o *rowFlags) error {
	if _, err := findPipeline(a, name); err != nil {
		return err
	}
	if o.format == jsonFormat {
		return c.writeOut(o, func(w io.Writer) (int64, error) {
			done, err := a.Queries.Export(ctx, name, w)
			return done.Rows, err
		})
	}
	fields, err := a.Queries.ArtifactFields(ctx, name)
	if err != nil {
		return err
	}
	l := &listing[[]cell]{fields: fields, values: func(row []cell) ([]cell, error) { return row, nil }}
	return printRows(c, o, l, func(add func([]cell) error) error {
		values := make([]cell, len(fields))
		return a.Queries.Artifacts(ctx, name, func(columns []column.Vector) error {
			for row := range columns[0].Len() {
				for i := range values {
					values[i] = cell{&columns[i], row}
				}
				if err := add(values); err != nil {
					return err
				}
			}
			return nil
		})
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
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name in a folder durable. File systems that cannot do so are left alone.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return nil //nolint:nilerr // a folder that can be written to need not be readable
	}
	_ = folder.Sync()
	return folder.Close()
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
