// Command bursar is the command line of Bursar: it parses, calls internal/app and prints. It owns flags, help, tables
// and exit codes; standard output carries one result and nothing else. It must not decide anything about events or
// artifacts.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Columns come and go in large blocks: collecting less often is worth a fifth of the processor while a gigabyte bounds
// what waits to be collected.
const (
	gcPercent   = 300
	memoryLimit = 1 << 30
)

func init() {
	cobra.EnableCommandSorting = false // commands are listed in the order of a day's work
}

func main() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // it is under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// A second signal ends the process at once: what is not sealed or published leaves nothing behind (rule 1). A terminal that
	// goes away may send more than one SIGHUP.
	context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP)
		stop()
	})
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run carries out one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return newCLI(stdout, stderr).execute(ctx, args)
}

func (c *cli) execute(ctx context.Context, args []string) int {
	c.args = args
	root := c.root()
	root.SetArgs(commandFirst(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	var elsewhere *remoteExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &elsewhere):
		return elsewhere.exit
	}
	return c.fail(ctx, cmd, args, err)
}
