// bursar stream infer: proposes a stream file from a file of events.

package main

import (
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/project/doc"

	"github.com/spf13/cobra"
)

func (c *cli) streamCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stream",
		Short:   "Work with stream definitions",
		Long:    `Works with stream definitions.`,
		Example: `  bursar stream infer payments.jsonl`,
		Args:    argCount(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.inferCommand())
	return cmd
}

func (c *cli) inferCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "infer FILE",
		Short: "Propose a stream file for a file of events",
		Long: `Reads the beginning of FILE (CSV, JSON lines, a JSON array of objects, Parquet) and prints a stream file for it. The types are
exact and fit every row that was read; comments mark what a person should decide. The project is not changed.`,
		Example: `  bursar stream infer payments.jsonl > streams/payments.yaml
  bursar stream infer export-2025-03.csv --name payments > streams/payments.yaml
  bursar stream infer fees.csv.gz --json`,
		RunE: func(_ *cobra.Command, args []string) error {
			if name != "" && !doc.IsName(name) {
				return usagef("--name %s: names are lower-case letters, digits and _, and start with a letter", name)
			}
			yaml, err := app.Infer(args[0], name)
			if err != nil {
				return err
			}
			return c.result(map[string]string{"yaml": yaml}, func(w io.Writer) { fmt.Fprint(w, yaml) })
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the stream's name; by default that of the file")
	return cmd
}
