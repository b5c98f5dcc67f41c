// bursar ingest: files become one batch of a stream.

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
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

func (c *cli) ingestCommand() *cobra.Command {
	var dryRun bool
	limit := share{}
	cmd := &cobra.Command{
		Use:   "ingest STREAM FILE…",
		Short: "Take files into a stream as one sealed batch",
		Long: `Parses the files, checks every row against the stream's schema, sets duplicates aside, keeps bad rows in
quarantine, and seals the rest as one batch: rows = accepted + quarantined + duplicates. An id that was accepted with other
values is a conflict, unless the stream keeps versions (` + "`versions: keep`" + `). A file that was
taken in before changes nothing. A CSV or Parquet file that lacks a declared column is refused unless the column says
` + "`absent: ok`" + `; columns that are not declared are left out and listed.

The exit code is 0 even if some rows were quarantined. It is 1 when a file could not be read, or when rows were
rejected and not one was accepted.`,
		Example: `  bursar ingest payments data/*.jsonl.gz
  bursar ingest payments new.jsonl --dry-run
  bursar ingest payments new.jsonl --max-rejected 1%`,
		Args:              argCount(2, -1),
		ValidArgsFunction: c.completeStream,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				files, err := c.paths(args[1:])
				if err != nil {
					return err
				}
				return c.ingest(ctx, a, args[0], files, app.IngestOptions{DryRun: dryRun, MaxRejected: limit.maxRejected()})
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count only, seal nothing")
	cmd.Flags().Var(&limit, "max-rejected", "seal nothing if more than this share of the rows is rejected, such as 1%")
	return cmd
}

func (c *cli) ingest(ctx context.Context, a *app.App, name string, files []string, o app.IngestOptions) error {
	s, err := findStream(a, name)
	if err != nil {
		return err
	}
	total, err := totalSize(files)
	if err != nil {
		return err
	}
	bar, at := c.meter(name, "bytes", total), &readProgress{}
	o.Progress = func(bytes int64) { bar.set(at.overall(bytes)) }
	result, err := a.Ingest(ctx, name, files, o)
	bar.done()
	if ctx.Err() != nil && err != nil && result.Batch == 0 {
		return &interruptedError{err, "nothing was sealed"}
	}
	if errors.Is(err, app.ErrTooManyRejected) {
		err = withHint(failure.Wrap(failure.Data, err),
			"without --max-rejected the good rows are sealed and the others kept for `bursar quarantine %s`", name)
	}
	if err == nil && result.Accepted == 0 && result.Quarantined > 0 {
		err = failure.Wrap(failure.Data, fmt.Errorf("%s taken in, and none accepted", plural(result.Rows, "row", "rows")))
		err = withHint(err, "%s", rejectedHint(ctx, a, s, &result, files))
	}
	if err != nil && result.Batch > 0 && result.Accepted > 0 {
		err = withHint(err, "what could be read is sealed; ingest the mended file: rows known already count as duplicates")
	}
	if result.Stream == "" { // nothing was counted
		return err
	}
	rejected := ""
	if result.Batch == 0 && result.Duplicates > 0 && !o.DryRun {
		rejected = fileInQuarantine(ctx, a, name, files)
	}
	return errors.Join(c.printIngest(&result, len(files), rejected, o.DryRun, err != nil), err)
}

// paths are files of the command line.
func (c *cli) paths(names []string) ([]string, error) {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = c.path(name)
		if c.remote != nil && isPerProcess(paths[i]) {
			err := failure.Wrap(failure.Data, fmt.Errorf("read %s: it names a file of the process that asks, and `bursar up` is another", name))
			return nil, withHint(err, "name the file itself; what comes through a pipe, write to a file first or send over HTTP")
		}
	}
	return paths, nil
}

// isPerProcess reports whether a name, or a link that it leads through, means something else in each process: /dev/stdin, /dev/fd/3.
func isPerProcess(path string) bool {
	for range 40 { // as many links as the system follows
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

// totalSize adds up the sizes of files, in bytes, and refuses what is none.
func totalSize(files []string) (total int64, err error) {
	for _, file := range files {
		size, err := app.InputSize(file)
		if err != nil {
			return 0, err
		}
		total += size
	}
	return total, nil
}

// share is the value of --max-rejected: a part of all rows.
type share struct {
	text     string
	fraction float64
}

func (s *share) String() string { return s.text }

// Type is how help names the value.
func (s *share) Type() string { return "share" }

// Set reads 1% or 0.01.
func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	part, err := strconv.ParseFloat(number, 64)
	if percent {
		part /= 100
	}
	if err != nil || !(part >= 0 && part <= 1) {
		return errors.New("use a share such as 1% or 0.01")
	}
	s.text, s.fraction = text, part
	return nil
}

// maxRejected is the share as Ingest takes it, where 0 is no limit: 0% becomes less than one row of any file.
func (s *share) maxRejected() float64 {
	if s.text != "" && s.fraction == 0 {
		return 1e-300
	}
	return s.fraction
}
