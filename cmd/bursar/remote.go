// Client and server side of a command that a running `bursar up` executes for another process.

package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"bursar/internal/app"
	"bursar/internal/serve"
)

// remoteExitError is the result of a command that another process executed and that failed. The message is printed already.
type remoteExitError struct{ exit int }

func (e *remoteExitError) Error() string { return fmt.Sprintf("exit code %d", e.exit) }

// forward sends this command line to the process that serves the project.
func (c *cli) forward(ctx context.Context, up *app.ServedError) error {
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find working folder: %w", err)
	}
	c.log.Info("sending the command to `bursar up`", "process", up.Process)
	exit, err := serve.Forward(ctx, up.State, up.Process, up.IsRunning,
		serve.Command{Args: c.args, Directory: here, OutWidth: width(c.out), ErrWidth: width(c.err)}, c.out, c.err)
	if err == nil && exit != 0 {
		return &remoteExitError{exit}
	}
	return err
}

// remoteCall is a command line received from another process.
type remoteCall struct {
	app       *app.App
	directory string
}

// remoteCommands executes command lines of other processes on an open project.
type remoteCommands struct{ app *app.App }

// Run executes one command line and returns its exit code.
func (h remoteCommands) Run(ctx context.Context, command serve.Command, stdout, stderr io.Writer) int {
	c := newCLI(remoteTerminal{stdout, command.OutWidth}, remoteTerminal{stderr, command.ErrWidth})
	c.remote = &remoteCall{h.app, command.Directory}
	return c.execute(ctx, command.Args)
}
