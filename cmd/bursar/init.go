// bursar init: creates a project folder.

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/failure"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) initCommand() *cobra.Command {
	var example string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Create a project folder",
		Long: `Writes a small working project into DIR: a stream, a pipeline over it, and a file of sample events. DIR is created
if it does not exist; it must be empty.`,
		Example: `  bursar init shop
  bursar init shop --example shop`,
		Args: argCount(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && !cmd.Flags().Changed("project"):
				return usagef("%s needs the folder to create: %s", cmd.CommandPath(), cmd.UseLine())
			case len(args) == 0:
				args = []string{c.project}
			}
			return c.init(args[0], example)
		},
	}
	cmd.Flags().StringVar(&example, "example", project.DefaultExample,
		"the example to start from: "+strings.Join(project.Examples(), ", "))
	return cmd
}

func (c *cli) init(dir, example string) error {
	if !slices.Contains(project.Examples(), example) {
		return usagef("%q is not an example; choose one of: %s", example, strings.Join(project.Examples(), ", "))
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find folder %s: %w", dir, err)
	}
	if err := project.Init(root, example); err != nil {
		return failure.Wrap(failure.Data, err)
	}
	made := struct {
		Project string `json:"project"`
		Example string `json:"example"`
	}{root, example}
	return c.result(made, func(w io.Writer) {
		fmt.Fprintf(w, "Created project %s from the example %s.\n", dir, example)
		fmt.Fprintf(w, "next: cd %s && %s\n", dir, firstStep(example))
	})
}

// firstStep returns the first command to run in an example.
func firstStep(example string) string {
	if example == "statements" {
		return "bursar import sample/*"
	}
	return "bursar ingest payments sample/payments.jsonl"
}
