// bursar stream infer: a stream's file, guessed from a file of its events.

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
		Short:   "Help to declare a stream",
		Long:    `Helps to declare a stream.`,
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
		Short: "Write a stream's file by looking at its events",
		Long: `Reads the beginning of FILE and prints a stream file for it, with names and exact types that take every row seen, and
comments where a person should decide. Nothing of the project is touched.`,
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
