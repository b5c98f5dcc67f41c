// The command tree, and the flags that all commands take.

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"bursar/internal/project"

	"github.com/spf13/cobra"
)

// cli is the execution of one command line.
type cli struct {
	output
	in      io.Reader
	project string // the folder
	args    []string
	remote  *remoteCall // set when `bursar up` executes this command for another process; nil opens the project
	verbose int
	log     *slog.Logger
	started bool // the command's own code has started; errors before that are usage errors
}

func newCLI(stdout, stderr io.Writer) *cli {
	return &cli{output: output{out: stdout, err: stderr}, in: os.Stdin, log: slog.New(slog.DiscardHandler)}
}

// commandGroup is a heading of help with its commands, in the order in which help lists them.
type commandGroup struct {
	title    string
	commands []*cobra.Command
}

func (c *cli) commands() []commandGroup {
	return []commandGroup{
		{"Project:", []*cobra.Command{c.initCommand(), c.checkCommand(), c.streamCommand(), c.upCommand(), c.tokenCommand(), c.vaultCommand()}},
		{"Data:", []*cobra.Command{c.ingestCommand(), c.importCommand(), c.runCommand(), c.quarantineCommand(), c.retractCommand(), c.rebuildCommand()}},
		{"Questions:", []*cobra.Command{
			c.completenessCommand(), c.statusCommand(), c.getCommand(), c.traceCommand(), c.exportCommand(), c.exceptionsCommand(), c.unkeyedCommand(),
		}},
		{"Proof:", []*cobra.Command{c.verifyCommand(), c.repairCommand()}},
		{toolsTitle, []*cobra.Command{c.demoCommand(), c.benchCommand(), c.versionCommand()}},
	}
}

const toolsTitle = "Tools:"

// localCommands do not work on an opened project: `bursar up` does not execute them for other processes.
var localCommands = []string{"init", "check", "stream", "up", "vault", "repair", "demo", "bench", "version"}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bursar",
		Short: "Reconcile batches of financial events into one exact record per key",
		Long: `Bursar seals financial events in batches and folds them into one up-to-date record per key: an order, an
account, an invoice. Control totals are checked at every step, so that no event is lost or counted twice.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 not found, 4 control totals do not balance.`,
		Example: `  bursar init shop && cd shop
  bursar ingest payments sample/payments.jsonl
  bursar run
  bursar exceptions orders`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       currentBuild().Version,
	}
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetVersionTemplate("bursar {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVar(&c.project, "project", ".", "the project's folder")
	flags.BoolVar(&c.json, "json", false, "print one JSON value on standard output and nothing else there")
	flags.CountVarP(&c.verbose, "verbose", "v", "log progress on standard error; give it twice for details")
	for _, group := range c.commands() {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, cmd := range group.commands {
			if c.remote != nil && slices.Contains(localCommands, cmd.Name()) {
				continue
			}
			cmd.GroupID = group.title
			root.AddCommand(cmd)
			c.instrument(cmd)
		}
	}
	root.SetHelpCommandGroupID(toolsTitle)
	root.AddCommand(foldsTopic())
	return root
}

// instrument wraps a command and its subcommands: it records that the command's own code has started, and sets up the log. A command that
// does not check its arguments has those of its usage line.
func (c *cli) instrument(cmd *cobra.Command) {
	if cmd.Args == nil && !cmd.HasSubCommands() {
		c.readUsage(cmd)
	}
	if do := cmd.RunE; do != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			c.started = true
			levels := []slog.Level{slog.LevelWarn, slog.LevelInfo, slog.LevelDebug}
			level := levels[min(c.verbose, len(levels)-1)]
			c.log = slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))
			return do(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		c.instrument(sub)
	}
}

// foldsTopic is the help about folds, from the table by which project folders are checked.
func foldsTopic() *cobra.Command {
	var text strings.Builder
	text.WriteString("Folds make the columns of an artifact from the events of its key, in any order and grouping. Each column of\n" +
		"`artifact` in pipelines/*.yaml is one of these:\n")
	for _, f := range project.Folds() {
		fmt.Fprintf(&text, "\n  %s: %s\n      %s\n", f.Kind, f.Means, f.Example)
		if keys := f.Beside(); keys != "" {
			fmt.Fprintf(&text, "      beside it: %s\n", keys)
		}
	}
	text.WriteString("\nExpressions and conditions are SQL in DuckDB's dialect; docs/project.md lists every key and the allowed functions.")
	return &cobra.Command{
		Use:     "folds",
		Short:   "The folds of a pipeline, with an example of each",
		Long:    text.String(),
		Example: "  bursar help folds",
	}
}
