// bursar demo: runs the complete workflow on generated data.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"bursar/internal/tools/demo"

	"github.com/spf13/cobra"
)

func (c *cli) demoCommand() *cobra.Command {
	o := demo.Options{}
	cmd := &cobra.Command{
		Use:   "demo [DIR]",
		Short: "Run the complete workflow on generated data, in about a minute",
		Long: `Generates the events of a shop, some of them late, repeated, malformed or contradictory, and creates a project. It ingests
and reconciles them, kills one intake and one run half-way and repeats them, and shows the result. Everything is compared with
the generator's own ledger, to the cent.

The project stays in DIR (default bursar-demo). A folder of an earlier demo is replaced; any other folder must be empty.`,
		Example: `  bursar demo
  bursar demo shop --events 200000 --seed 7
  bursar demo --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				o.Dir = args[0]
			case cmd.Flags().Changed("project"):
				o.Dir = c.project
			}
			if o.Events < 100 || o.Events > 1_000_000_000 {
				return usagef("--events %d: use 100 to 1,000,000,000", o.Events)
			}
			return c.demo(cmd.Context(), o)
		},
	}
	o.Dir = "bursar-demo"
	countVar(cmd.Flags(), &o.Events, "events", 2_000_000, "number of events to generate")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of the generator: the data depend on it and on --events only")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "refuse the folder of an earlier demo instead of replacing it")
	return cmd
}

func (c *cli) demo(ctx context.Context, o demo.Options) error {
	program, err := thisProgram()
	if err != nil {
		return err
	}
	o.Program, o.Name = program, "bursar"
	// The printed commands must work when they are copied: a program called by its path is printed with the path.
	if called := os.Args[0]; strings.ContainsRune(called, os.PathSeparator) {
		o.Name = called
	}
	w := c.out
	if c.json {
		w = c.err
	}
	o.Line = func(line string) { fmt.Fprintln(w, printable(line)) }
	o.Table = func(header []string, rows [][]string) {
		g := newGrid(header...)
		g.rows = rows
		g.print(w, width(w))
	}
	report, err := demo.Execute(ctx, o)
	if ctx.Err() != nil {
		return &interruptedError{err, "`bursar demo` starts again from the beginning"}
	}
	if err != nil {
		return err
	}
	return c.result(report, func(io.Writer) {}) // the text is printed already
}
