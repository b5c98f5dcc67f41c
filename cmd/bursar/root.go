// The command tree, and the flags that all commands take.

package main

import (
	"io"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"
)

// cli is one command line being carried out.
type cli struct {
	output
	project string // the folder
	args    []string
	remote  *remoteCall // the running project that carries this command out; nil opens its own
	verbose int
	log     *slog.Logger
	started bool // a command's own work has begun: errors before that are of usage
}

func newCLI(stdout, stderr io.Writer) *cli {
	return &cli{output: output{out: stdout, err: stderr}, log: slog.New(slog.DiscardHandler)}
}

// commands are all commands, in the order of their help.
func (c *cli) commands() []*cobra.Command {
	first := []*cobra.Command{c.initCommand(), c.checkCommand(), c.streamCommand(), c.upCommand()}
	last := []*cobra.Command{c.repairCommand(), c.demoCommand(), c.benchCommand(), c.versionCommand()}
	return slices.Concat(first, c.stateCommands(), last)
}

// stateCommands are those that open the project: a running `bursar up` carries them out.
func (c *cli) stateCommands() []*cobra.Command {
	return []*cobra.Command{
		c.ingestCommand(),
		c.importCommand(),
		c.completenessCommand(),
		c.runCommand(),
		c.statusCommand(),
		c.getCommand(),
		c.traceCommand(),
		c.exportCommand(),
		c.exceptionsCommand(),
		c.quarantineCommand(),
		c.retractCommand(),
		c.unkeyedCommand(),
		c.rebuildCommand(),
		c.verifyCommand(),
		c.tokenCommand(),
	}
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bursar",
		Short: "Reconcile batches of financial events into one exact record per key",
		Long: `Bursar takes financial events in as sealed batches, and folds them into one up-to-date record per key:
an order, an account, an invoice. Everything is checked against control totals, and nothing is lost or
counted twice.

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
	flags.CountVarP(&c.verbose, "verbose", "v", "log what is done on standard error; twice for every detail")
	commands := c.commands
	if c.remote != nil {
		commands = c.stateCommands
	}
	for _, cmd := range commands() {
		root.AddCommand(cmd)
		c.instrument(cmd)
	}
	return root
}

// instrument notes when a command's own work starts, and sets up its log; likewise for the commands below it.
func (c *cli) instrument(cmd *cobra.Command) {
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
