// bursar export: writes all artifacts of a pipeline to a file.

package main

import (
	"context"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/project"

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
			return onPipeline(c.openToRead, func(ctx context.Context, a *app.App, p *project.Pipeline, _ []string) error {
				return c.export(ctx, a, p.Name, &o)
			})(cmd, args)
		},
	}
	o.addTo(cmd, 0, "")
	cmd.Flags().Lookup("to").Usage = "the `file` to write: .csv, .jsonl or .parquet; - is standard output"
	cmd.Flags().Lookup("format").Usage = "csv, jsonl or parquet"
	cmd.Flags().Lookup("columns").Usage = "write these columns, in this order"
	return cmd
}

func (c *cli) export(ctx context.Context, a *app.App, name string, o *rowFlags) error {
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
