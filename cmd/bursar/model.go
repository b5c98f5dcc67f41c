// bursar model: runs, tests and lists the models of the warehouse.

package main

import (
	"context"
	"errors"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/warehouse/model"

	"github.com/spf13/cobra"
)

func (c *cli) modelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Make and test tables of the warehouse that SQL defines",
		Long: `A model is a file warehouse/NAME.sql: a header of SQL comments, and one SELECT over tables of the warehouse. It becomes a
table, a view, or an incremental table. Models are ordered by what they refer to.`,
		Example: `  bursar model run
  bursar model test revenue
  bursar model list
  bursar model graph`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.modelRunCommand(), c.modelTestCommand(), c.modelListCommand(), c.modelGraphCommand())
	return cmd
}

// modelFlags are the values of parameters, and whether incremental models are made from the beginning.
type modelFlags struct {
	full       bool
	parameters []string
}

// options checks the flags. A parameter is written name=value.
func (f *modelFlags) options(names []string) (o model.Options, err error) {
	o = model.Options{Names: names, Full: f.full, Parameters: map[string]string{}}
	for _, text := range f.parameters {
		name, value, ok := strings.Cut(text, "=")
		if _, twice := o.Parameters[name]; !ok || twice {
			return o, usagef("--param %s: write name=value, and each name once", text)
		}
		o.Parameters[name] = value
	}
	return o, nil
}

func (c *cli) modelRunCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "run [MODEL…]",
		Short: "Make models, and test them",
		Long: `Makes the named models, or all, in the order in which they depend on each other, and tests them, all in one transaction
of the warehouse: if a statement or a test of severity error fails, nothing is changed. +MODEL adds the models that it depends
on, and MODEL+ those that depend on it.

An incremental model replaces the rows whose key its SELECT returns. It is made from the beginning with --full, and when rows of
a table that it reads were retracted, restored or made again.`,
		Example: `  bursar model run
  bursar model run +revenue
  bursar model run revenue --full --param from=2011-01-01`,
		Args: argCount(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(args)
			if err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error { return c.runModels(ctx, a, o) })
		},
		ValidArgsFunction: c.completeFirst(modelNames, cobra.ShellCompDirectiveNoFileComp),
	}
	cmd.Flags().BoolVar(&f.full, "full", false, "make incremental models from the beginning")
	cmd.Flags().StringArrayVar(&f.parameters, "param", nil, "a parameter's value, as name=value; may be repeated")
	return cmd
}

func (c *cli) runModels(ctx context.Context, a *app.App, o model.Options) error {
	runner, err := a.Models(ctx)
	if err != nil {
		return err
	}
	bar := c.meter("models", "models", int64(len(a.Project.Models)+1))
	o.Progress = func(name string, done, _ int) {
		c.log.Info("model", "name", name, "done", done)
		bar.Describe(name)
		bar.set(int64(done))
	}
	out, err := runner.Run(ctx, o)
	bar.done()
	if err != nil {
		return &interruptedError{c.failedModels(err), "nothing was changed in the warehouse"}
	}
	return c.printModelRun(out)
}

// failedModels prints the rows of tests that fail; the error is printed after them.
func (c *cli) failedModels(err error) error {
	var failed *model.TestError
	if !errors.As(err, &failed) {
		return err
	}
	return errors.Join(c.printModelRun(failed.Result), err)
}

func (c *cli) modelTestCommand() *cobra.Command {
	var f modelFlags
	cmd := &cobra.Command{
		Use:   "test [MODEL…]",
		Short: "Test models as they are in the warehouse",
		Long: `Runs the tests of the named models, or of all, and shows the first rows that fail. Nothing is changed. The exit code is 4
if a balanced test fails, otherwise 1 if a test of severity error fails.`,
		Example: `  bursar model test
  bursar model test revenue --json`,
		Args: argCount(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(args)
			if err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				runner, err := a.Models(ctx)
				if err != nil {
					return err
				}
				out, err := runner.Test(ctx, o)
				if err != nil {
					return c.failedModels(err)
				}
				return c.printModelRun(out)
			})
		},
		ValidArgsFunction: c.completeFirst(modelNames, cobra.ShellCompDirectiveNoFileComp),
	}
	cmd.Flags().StringArrayVar(&f.parameters, "param", nil, "a parameter's value, as name=value; may be repeated")
	return cmd
}

func (c *cli) modelListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List models with their last run",
		Long: `Lists the models in the order in which they are made: what each is, what it depends on, and its last run. A model whose
definition has changed since then is marked.`,
		Example: `  bursar model list
  bursar model list --json`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, _ []string) error {
			runner, err := a.Models(ctx)
			if err != nil {
				return err
			}
			list, err := runner.List(ctx)
			if err != nil {
				return err
			}
			return c.printModels(list)
		}),
	}
}

func (c *cli) modelGraphCommand() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Show what models depend on",
		Long: `Shows each model on which no other one depends, with the tables and models that it depends on below it. With --format
dot, prints the graph for Graphviz.`,
		Example: `  bursar model graph
  bursar model graph --format dot | dot -Tsvg > models.svg`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "tree" && format != "dot" {
				return usagef("--format is %s: use tree or dot", format)
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				runner, err := a.Models(ctx)
				if err != nil {
					return err
				}
				g, err := runner.Graph(ctx)
				if err != nil {
					return err
				}
				return c.printGraph(g, format == "dot")
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "tree", "tree or dot")
	return cmd
}

func modelNames(p *project.Project) []string {
	names := make([]string, len(p.Models))
	for i, m := range p.Models {
		names[i] = m.Name
	}
	return names
}
