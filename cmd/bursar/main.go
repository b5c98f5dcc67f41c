// Command bursar is the command line of Bursar: it parses arguments, calls internal/app and prints the result. It owns flags,
// help, tables and exit codes. Standard output carries one result and nothing else. It must not decide anything about events
// or artifacts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"bursar/docs"
	"bursar/internal/process"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

// Columns are allocated in large blocks. Collecting garbage less often saves a fifth of the CPU time; the memory limit
// bounds the garbage to a gigabyte.
const (
	gcPercent   = 300
	memoryLimit = 1 << 30
)

func init() {
	cobra.EnableCommandSorting = false // help lists commands in the order in which they are used
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == process.GuardCommand { // of a program that a task executes
		os.Exit(process.GuardMain(os.Args[2:]))
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// A second signal ends the process at once, which is safe: what is not sealed or published is not visible (rule 1).
	// SIGHUP is ignored from here on, because a terminal that closes may send more than one.
	context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP)
		stop()
	})
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return newCLI(stdout, stderr).execute(ctx, args)
}

func (c *cli) execute(ctx context.Context, args []string) int {
	c.args = args
	root := c.root()
	root.SetArgs(commandFirst(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	var remote *remoteExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &remote):
		return remote.exit
	}
	return c.fail(ctx, cmd, args, err)
}

// cli is the execution of one command line.
type cli struct {
	output
	project string // the folder
	args    []string
	in      io.Reader
	input   []byte      // read from in before the project is opened, for the process that executes the command
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
		{"Project:", []*cobra.Command{c.initCommand(), c.checkCommand(), c.streamCommand(), c.upCommand(), c.workerCommand(), c.tokenCommand(), c.vaultCommand(), c.temporalCommand()}},
		{"Data:", []*cobra.Command{c.ingestCommand(), c.importCommand(), c.runCommand(), c.quarantineCommand(), c.retractCommand(), c.rebuildCommand()}},
		{"Accounts:", []*cobra.Command{c.institutionCommand(), c.accountCommand()}},
		{"Jobs:", []*cobra.Command{c.jobCommand()}},
		{"Questions:", []*cobra.Command{
			c.completenessCommand(), c.statusCommand(), c.getCommand(), c.traceCommand(), c.exportCommand(), c.exceptionsCommand(), c.unkeyedCommand(), c.feedCommand(),
		}},
		{"Warehouse:", []*cobra.Command{c.publishCommand(), c.loadCommand(), c.modelCommand(), c.queryCommand(), c.archiveCommand(), c.restoreCommand()}},
		{"Proof:", []*cobra.Command{c.verifyCommand(), c.repairCommand()}},
		{toolsTitle, []*cobra.Command{c.demoCommand(), c.benchCommand(), c.versionCommand()}},
	}
}

const toolsTitle = "Tools:"

// localCommands do not work on an opened project: `bursar up` does not execute them for other processes.
// Those of `worker` say of such a project that one process at a time uses it.
var localCommands = []string{"init", "check", "stream", "up", "vault", "temporal", "repair", "demo", "bench", "version"}

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
	root.AddCommand(foldsTopic(), severalMachinesTopic())
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
	for _, f := range project.Folds {
		fmt.Fprintf(&text, "\n  %s: %s\n      %s\n", f.Kind, f.Means, f.Example)
		if len(f.Beside) > 0 {
			fmt.Fprintf(&text, "      beside it: %s\n", strings.Replace(strings.Join(f.Beside, ", "), "by", "by (required)", 1))
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

// severalMachinesTopic is the page about servers and several processes.
func severalMachinesTopic() *cobra.Command {
	return &cobra.Command{
		Use:     "several-machines",
		Short:   "State on servers, and several processes on one project",
		Long:    docs.SeveralMachines,
		Example: "  bursar help several-machines | less",
	}
}
