// bursar stream infer: proposes a stream file from a file of events.

package main

import (
	"fmt"
	"io"

	"bursar/internal/app"

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
	return &cobra.Command{
		Use:   "infer FILE",
		Short: "Propose a stream file for a file of events",
		Long: `Reads the beginning of FILE and prints a stream file for it. The types are exact and fit every row that was read; comments
mark what a person should decide. The project is not changed.`,
		Example: `  bursar stream infer payments.jsonl > streams/payments.yaml
  bursar stream infer fees.csv.gz --json`,
		Args: argCount(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			yaml, err := app.Infer(args[0])
			if err != nil {
				return err
			}
			return c.result(map[string]string{"yaml": yaml}, func(w io.Writer) { fmt.Fprint(w, yaml) })
		},
	}
}
