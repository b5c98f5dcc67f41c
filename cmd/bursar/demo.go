// bursar demo: the whole story on generated data.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"bursar/internal/demo"

	"github.com/spf13/cobra"
)

func (c *cli) demoCommand() *cobra.Command {
	o := demo.Options{}
	cmd := &cobra.Command{
		Use:   "demo [DIR]",
		Short: "Tell the whole story on generated data, in about a minute",
		Long: `Generates the events of a shop, some of them late, repeated, malformed or contradictory, makes a project of them, takes
them in, reconciles them, kills one intake and one run in their middle and repeats them, and shows what came of it.
Everything is compared with the generator's own ledger, to the cent.

The project stays in DIR (default bursar-demo) to be looked at. A folder that an earlier demo made is replaced; any other
that holds something is refused.`,
		Example: `  bursar demo
  bursar demo shop --events 200000 --seed 7
  bursar demo --json`,
		Args: argCount(0, 1),
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
	cmd.Flags().IntVar(&o.Events, "events", 2_000_000, "how many events to generate")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "what is generated depends on it and on --events only")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "refuse a folder that an earlier demo made, instead of replacing it")
	return cmd
}

func (c *cli) demo(ctx context.Context, o demo.Options) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	o.Program, o.Name = program, "bursar"
	// What is shown must work where it is shown: a program called by its path is named by it.
	if called := os.Args[0]; strings.ContainsRune(called, os.PathSeparator) {
		o.Name = called
	}
	w := c.out
	if c.json {
		w = c.err
	}
	report, err := demo.Execute(ctx, o, demoPrinter{w})
	if ctx.Err() != nil {
		return &interruptedError{err, "`bursar demo` begins anew"}
	}
	if err != nil {
		return err
	}
	return c.result(report, func(io.Writer) {}) // people have been told already
}

// demoPrinter tells a story on w as it goes.
type demoPrinter struct{ w io.Writer }

// Line writes one line.
func (t demoPrinter) Line(line string) { fmt.Fprintln(t.w, printable(line)) }

// Table draws rows under a header.
func (t demoPrinter) Table(header []string, rows [][]string) {
	g := newGrid(header...)
	g.rows = rows
	g.print(t.w, width(t.w))
}
