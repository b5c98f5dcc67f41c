// bursar get and export: show one artifact, as of now or of a run, or with its history; or write all of them to a file.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"

	"github.com/spf13/cobra"
)

func (c *cli) getCommand() *cobra.Command {
	var asOf uint64
	var history bool
	cmd := &cobra.Command{
		Use:   "get PIPELINE KEY…",
		Short: "Show one artifact",
		Long: `Shows the artifact of a key. The values of a composite key are separate arguments, or one JSON array. Write -- before a
value that begins with a dash.`,
		Example: `  bursar get orders o-1003 USD
  bursar get orders '["o-1003","USD"]' --json
  bursar get orders o-1003 USD --as-of 2
  bursar get orders o-1003 USD --history`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("as-of") && asOf == 0 {
				return usagef("--as-of 0: runs are numbered from 1")
			}
			return onPipeline(c.openToRead, func(ctx context.Context, a *app.App, p *project.Pipeline, key []string) error {
				return c.get(ctx, a, p, key, asOf, history)
			})(cmd, args)
		},
	}
	cmd.Flags().Uint64Var(&asOf, "as-of", 0, "the artifact as of this `run` of the current generation; a number above the newest run means the newest")
	cmd.Flags().BoolVar(&history, "history", false, "also show earlier versions of the artifact, newest first")
	return cmd
}

func (c *cli) get(ctx context.Context, a *app.App, p *project.Pipeline, values []string, asOf uint64, history bool) error {
	key, err := keyText(p, values)
	if err != nil {
		return err
	}
	answer, err := a.Queries.Get(ctx, p.Name, key, asOf, history)
	if err != nil {
		return err
	}
	fields, err := a.Queries.ArtifactFields(ctx, p.Name)
	if err != nil {
		return err
	}
	texts := &valueTexts{width(c.out) > 0, "", typesByName(fields)}
	group := groupColumn(a.Project, p)
	for i, text := range keyTexts(answer.Key, len(p.Key)) {
		if p.Key[i] == group {
			texts.currency = text
		}
	}
	return c.result(answer, func(w io.Writer) { c.printAnswer(w, p, &answer, texts) })
}

type valueTexts struct {
	terminal bool
	currency string
	types    map[string]column.Type
}

func typesByName(fields []column.Field) map[string]column.Type {
	types := map[string]column.Type{}
	for _, f := range fields {
		types[f.Name] = f.Type
	}
	return types
}

// text formats one value. On a terminal, amounts are grouped.
func (v *valueTexts) text(f field) string {
	if text := f.text(); !v.terminal || text == noValue || v.types[f.name].Kind != column.Decimal {
		return text
	}
	return formatMoney(f.text(), v.currency)
}

// keyText joins the values of a key into one text, in the form that the engine parses.
func keyText(p *project.Pipeline, values []string) (string, error) {
	width := len(p.Key)
	if len(values) == 1 {
		var list []any
		if width > 1 && (json.Unmarshal([]byte(values[0]), &list) != nil || len(list) != width) {
			return "", usagef("the key of %s is %s: give %d values, or a JSON array of them", p.Name, strings.Join(p.Key, ", "), width)
		}
		return values[0], nil
	}
	if len(values) != width {
		return "", usagef("the key of %s is %s, but %d values were given", p.Name, strings.Join(p.Key, ", "), len(values))
	}
	text, err := json.Marshal(values)
	return string(text), err
}

func (c *cli) printAnswer(w io.Writer, p *project.Pipeline, answer *query.GetResult, texts *valueTexts) {
	fmt.Fprintf(w, "%s %s, run %d, watermark %s\n", p.Name, printable(string(answer.Key)), answer.Run, formatTime(answer.Watermark))
	if answer.History == nil {
		c.printArtifact(w, answer.Artifact, texts)
		return
	}
	versions := make([][]field, len(answer.History))
	for i, v := range answer.History {
		run := field{"run", json.RawMessage(strconv.FormatUint(v.Run, 10))}
		versions[i] = append([]field{run}, fieldsOf(v.Artifact)...)
	}
	c.printItems(w, versions, texts, p.Show)
}

// printArtifact draws one row per column, then the items of each list.
func (c *cli) printArtifact(w io.Writer, artifact json.RawMessage, texts *valueTexts) {
	fields := fieldsOf(artifact)
	g := newGrid("column", "value")
	for _, f := range fields {
		g.add(f.name, texts.text(f))
	}
	g.print(w, width(c.out))
	for _, f := range fields {
		if list := f.list(); len(list) > 0 {
			fmt.Fprintf(w, "%s:\n", f.name)
			items := make([][]field, len(list))
			for i, item := range list {
				items[i] = fieldsOf(item)
			}
			c.printItems(w, items, &valueTexts{texts.terminal, texts.currency, typesByName(texts.types[f.name].Fields)}, nil)
		}
	}
}

// printItems draws one row per item. All items have the same columns. On a terminal, only the first of them and those to show are drawn.
func (c *cli) printItems(w io.Writer, items [][]field, texts *valueTexts, show []string) {
	g := newGrid()
	var places []int
	for i, f := range items[0] {
		if i > 0 && show != nil && texts.terminal && !slices.Contains(show, f.name) {
			g.hidden = append(g.hidden, f.name)
			continue
		}
		g.header, places = append(g.header, f.name), append(places, i)
	}
	for _, item := range items {
		cells := make([]string, len(places))
		for i, place := range places {
			cells[i] = texts.text(item[place])
		}
		g.add(cells...)
	}
	g.print(w, width(c.out))
}

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
