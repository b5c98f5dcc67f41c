// bursar ingest: seals files as one batch of a stream.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event/intake"
	"bursar/internal/event/scan"
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

func (c *cli) ingestCommand() *cobra.Command {
	var dryRun bool
	limit := 0.0
	cmd := &cobra.Command{
		Use:   "ingest STREAM FILE…",
		Short: "Ingest files into a stream as one sealed batch",
		Long: `Parses the files, checks every row against the stream's schema, sets duplicates aside, quarantines bad rows, and seals
the rest as one batch: rows = accepted + quarantined + duplicates. A row whose id was accepted before with other values is a
conflict, unless the stream keeps versions (` + "`versions: keep`" + `). Ingesting a file again changes nothing. A CSV or Parquet
file that lacks a declared column is refused unless the column says ` + "`absent: ok`" + `; columns that are not declared are
left out and listed.

The exit code is 0 even if some rows were quarantined. It is 1 if a file could not be read, or if rows were rejected and
none was accepted.`,
		Example: `  bursar ingest payments data/*.jsonl.gz
  bursar ingest payments new.jsonl --dry-run
  bursar ingest payments new.jsonl --max-rejected 1%`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, args []string) error {
			files, err := c.paths(args[1:])
			if err != nil {
				return err
			}
			return c.ingest(ctx, a, args[0], files, intake.Options{DryRun: dryRun, MaxRejected: limit})
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count rows and list the first rejected ones; seal nothing")
	cmd.Flags().Func("max-rejected", "seal nothing if a greater `share` of the rows is rejected, such as 1%", func(text string) (err error) {
		limit, err = parseShare(text)
		return err
	})
	return cmd
}

func (c *cli) ingest(ctx context.Context, a *app.App, name string, files []string, o intake.Options) error {
	s, err := findStream(a, name)
	if err != nil {
		return err
	}
	total, err := totalSize(files)
	if err != nil {
		return withHint(err, "nothing was ingested: every file is looked for before the first is read")
	}
	bar, at := c.meter(name, "bytes", total), &readProgress{}
	o.Progress = func(bytes int64) { bar.set(at.overall(bytes)) }
	result, err := a.Ingest(ctx, name, files, o)
	bar.done()
	if ctx.Err() != nil && err != nil && result.Batch == 0 {
		return &interruptedError{err, "nothing was sealed"}
	}
	if errors.Is(err, intake.ErrTooManyRejected) {
		err = withHint(failure.Wrap(failure.Data, err),
			"without --max-rejected, valid rows are sealed and the others are kept for `bursar quarantine %s`", name)
	}
	if err == nil && result.Accepted == 0 && result.Quarantined > 0 {
		err = failure.Wrap(failure.Data, fmt.Errorf("%s read, none accepted", plural(result.Rows, "row", "rows")))
		err = withHint(err, "%s", rejectedHint(ctx, a, s, &result, files))
	}
	if err != nil && result.Batch > 0 && result.Accepted > 0 {
		err = withHint(err, "the rows that could be read are sealed; repair the file and ingest it: known rows count as duplicates")
	}
	if result.Stream == "" { // nothing was counted
		return err
	}
	rejected := ""
	if result.Batch == 0 && result.Duplicates > 0 && !o.DryRun {
		rejected = fileInQuarantine(ctx, a, name, files)
	}
	return errors.Join(c.printIngest(&result, s, ingestEnd{len(files), rejected, nextOfStream(a.Project, name), o.DryRun, err != nil}), err)
}

// paths resolves file names of the command line.
func (c *cli) paths(names []string) ([]string, error) {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = c.path(name)
		if c.remote != nil && isPerProcess(paths[i]) {
			err := failure.Wrap(failure.Data, fmt.Errorf("read %s: the name means another file in the process of `bursar up`, which executes this command", name))
			return nil, withHint(err, "name the file itself; write the content of a pipe to a file first, or send it over HTTP")
		}
	}
	return paths, nil
}

// isPerProcess reports whether a name, or a link behind it, means another file in each process: /dev/stdin, /dev/fd/3.
func isPerProcess(path string) bool {
	for range 40 { // the system follows as many links
		path = filepath.Clean(path)
		for _, own := range []string{"/dev/stdin", "/dev/fd/", "/proc/self/", "/proc/thread-self/"} {
			if strings.HasPrefix(path, own) {
				return true
			}
		}
		next, err := os.Readlink(path)
		if err != nil {
			return false
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return false
}

// totalSize adds up the sizes of files in bytes. It refuses what is not a regular file.
func totalSize(files []string) (total int64, err error) {
	for _, file := range files {
		info, err := scan.Stat(file)
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// parseShare parses 1% or 0.01 for the options of an intake, in which 0 means no limit: 0% becomes less than one row of any file.
func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	part, err := strconv.ParseFloat(number, 64)
	if percent {
		part /= 100
	}
	if err != nil || !(part >= 0 && part <= 1) {
		return 0, errors.New("use a share such as 1% or 0.01")
	}
	return max(part, 1e-300), nil
}
