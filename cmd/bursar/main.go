// Command bursar is the command line of Bursar: it parses arguments, calls internal/app and prints the result. It owns flags,
// help, tables and exit codes. Standard output carries one result and nothing else. It must not decide anything about events
// or artifacts.
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
