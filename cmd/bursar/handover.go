// Both ends of a command that a running `bursar up` carries out for another process.

package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"bursar/internal/app"
	"bursar/internal/serve"
)

// elsewhereError is how a command ends that was carried out elsewhere: what there was to say has been printed.
type elsewhereError struct{ exit int }

func (e *elsewhereError) Error() string { return fmt.Sprintf("exit code %d", e.exit) }

// handOver has this command line carried out by the process that serves the project.
func (c *cli) handOver(ctx context.Context, up *app.ServedError) error {
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find working folder: %w", err)
	}
	c.log.Info("the command goes to `bursar up`", "process", up.Process)
	exit, err := serve.Forward(ctx, up.State, up.Process, up.IsRunning,
		serve.Command{Args: c.args, Directory: here, OutWidth: width(c.out), ErrWidth: width(c.err)}, c.out, c.err)
	if err == nil && exit != 0 {
		return &elsewhereError{exit}
	}
	return err
}

// served is a command line of another process.
type served struct {
	app       *app.App
	directory string
}

// handedOver carries out the command lines of other processes on an open project.
type handedOver struct{ app *app.App }

// Run carries out one command line and returns its exit code.
func (h handedOver) Run(ctx context.Context, command serve.Command, stdout, stderr io.Writer) int {
	c := newCLI(screen{stdout, command.OutWidth}, screen{stderr, command.ErrWidth})
	c.served = &served{h.app, command.Directory}
	return c.carryOut(ctx, command.Args)
}
