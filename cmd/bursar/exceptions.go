// bursar exceptions: lists open items with their age.

package main

import (
	"context"
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/reconcile"

	"github.com/spf13/cobra"
)

func (c *cli) exceptionsCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "exceptions PIPELINE",
		Short: "List open items, oldest first",
		Long: `Lists the artifacts for which the pipeline's exceptions.where is true now, oldest first, with their age in days since the
declared column. --json lists all of them.`,
		Example: `  bursar exceptions orders
  bursar exceptions orders --limit 100
  bursar exceptions orders --json`,
		Args:              argCount(1, 1),
		ValidArgsFunction: c.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error {
				p, err := findPipeline(a, args[0])
				if err != nil {
					return err
				}
				return c.exceptions(ctx, a, p, limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "maximum number of rows in the table")
	return cmd
}

func (c *cli) exceptions(ctx context.Context, a *app.App, p *project.Pipeline, limit int) error {
	if c.json {
		return c.list("exceptions", nil, func(add func(any) error) error {
			return a.Engine.Exceptions(ctx, p.Name, func(x reconcile.Exception) error { return add(x) })
		})
	}
	header := append([]string{}, p.Key...)
	if p.Exceptions.Since != "" {
		header = append(header, "age in days")
	}
	for _, f := range p.Artifact {
		header = append(header, f.Name)
	}
	g, total := newGrid(header...), 0
	err := a.Engine.Exceptions(ctx, p.Name, func(x reconcile.Exception) error {
		if total++; total <= limit {
			g.add(exceptionCells(p, &x)...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.result(nil, func(w io.Writer) {
		if total == 0 {
			fmt.Fprintf(w, "No exceptions in %s.\n", p.Name)
			return
		}
		c.printLimited(w, g, total)
		fmt.Fprintf(w, "%s in %s, where %s.\n", plural(total, "exception", "exceptions"), p.Name, printable(p.Exceptions.Where))
	})
}

func exceptionCells(p *project.Pipeline, x *reconcile.Exception) []string {
	cells := keyTexts(x.Key, len(p.Key))
	if p.Exceptions.Since != "" {
		age := noValue
		if x.AgeDays != nil {
			age = formatCount(*x.AgeDays)
		}
		cells = append(cells, age)
	}
	for _, f := range fieldsOf(x.Artifact) {
		cells = append(cells, f.text())
	}
	return cells
}

// printLimited draws a table with the first rows of total.
func (c *cli) printLimited(w io.Writer, g *grid, total int) {
	c.printFirst(w, g, total, "--limit shows more, --json all")
}

// printFirst draws the first rows of a table, and says how to see the rest.
func (c *cli) printFirst(w io.Writer, g *grid, total int, more string) {
	if len(g.rows) > 0 {
		g.print(w, width(c.out))
	}
	if left := total - len(g.rows); left > 0 {
		fmt.Fprintf(w, "… and %s more; %s.\n", formatCount(left), more)
	}
}
