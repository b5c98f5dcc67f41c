// Opens the project for a command, here or in the process of `bursar up`, and resolves the names given as arguments.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/serve"

	"github.com/spf13/cobra"
)

// open opens the project for one command and closes it after do. While `bursar up` has the project open, that process
// executes the command.
func (c *cli) open(cmd *cobra.Command, do func(ctx context.Context, a *app.App) error) error {
	return c.openWith(cmd, app.Open, do)
}

// openToRead is open for a command that only reads: it also works on a disk that cannot be written. While the retraction
// of a file is incomplete, results may be wrong; the command then ends with an error that says so.
func (c *cli) openToRead(cmd *cobra.Command, do func(ctx context.Context, a *app.App) error) error {
	return c.openWith(cmd, app.OpenReadOnly, func(ctx context.Context, a *app.App) error {
		return errors.Join(do(ctx, a), unfinishedRetraction(ctx, a))
	})
}

// toList is openToRead for a command that lists rows.
func (c *cli) toList(o *rowFlags) opening {
	return func(cmd *cobra.Command, do func(ctx context.Context, a *app.App) error) error {
		if err := o.check(cmd, c.json); err != nil {
			return err
		}
		return c.openToRead(cmd, do)
	}
}

// opening opens the project in one of these ways, and closes it after do.
type opening func(cmd *cobra.Command, do func(ctx context.Context, a *app.App) error) error

// onProject is the code of a command that works on the open project.
func onProject(open opening, do func(context.Context, *app.App, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return open(cmd, func(ctx context.Context, a *app.App) error { return do(ctx, a, args) })
	}
}

// onPipeline is the code of a command whose first argument names a pipeline; do gets the other arguments.
func onPipeline(open opening, do func(context.Context, *app.App, *project.Pipeline, []string) error) func(*cobra.Command, []string) error {
	return onProject(open, func(ctx context.Context, a *app.App, args []string) error {
		p, err := findPipeline(a, args[0])
		if err != nil {
			return err
		}
		return do(ctx, a, p, args[1:])
	})
}

type opener func(ctx context.Context, dir, command string, log *slog.Logger) (*app.App, error)

func (c *cli) openWith(cmd *cobra.Command, open opener, do func(ctx context.Context, a *app.App) error) (err error) {
	ctx := cmd.Context()
	if c.remote != nil {
		if !c.remote.app.IsIn(c.path(c.project)) {
			return usagef("the command is for the project in %s, but process %d serves another one", c.path(c.project), os.Getpid())
		}
		if changed := c.remote.app.Project.Changed(); len(changed) > 0 {
			fmt.Fprintf(c.err, "warning: %s changed after `bursar up` read the folder; this command uses the old declarations: restart `bursar up`\n",
				strings.Join(changed, ", "))
		}
		c.warnStranded(ctx, c.remote.app)
		return do(ctx, c.remote.app)
	}
	name := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	a, err := open(ctx, c.project, name, c.log)
	var up *app.ServedError
	for errors.As(err, &up) {
		if err := c.forward(ctx, up); !errors.Is(err, serve.ErrNotServed) {
			return err
		}
		a, err = open(ctx, c.project, name, c.log) // `bursar up` has ended in the meantime
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	c.warnStranded(ctx, a)
	return errors.Join(do(ctx, a), a.CheckLosses())
}

// warnStranded warns of acknowledged events that cannot be sealed because their stream is not declared any more.
func (c *cli) warnStranded(ctx context.Context, a *app.App) {
	list, err := a.Stranded(ctx)
	if err != nil {
		c.log.Warn("cannot look for acknowledged events of undeclared streams", "error", err)
	}
	for _, s := range list {
		fmt.Fprintf(c.err, "warning: %s\n", printable(s.String()))
	}
}

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
		serve.Command{Args: c.args, Directory: here, OutWidth: width(c.out), ErrWidth: width(c.err), Input: c.input}, c.out, c.err)
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
func remoteCommands(a *app.App) serve.Commands {
	return func(ctx context.Context, command serve.Command, stdout, stderr io.Writer) int {
		c := newCLI(remoteTerminal{stdout, command.OutWidth}, remoteTerminal{stderr, command.ErrWidth})
		c.remote, c.in = &remoteCall{a, command.Directory}, bytes.NewReader(command.Input)
		return c.execute(ctx, command.Args)
	}
}

// path resolves a file name of the command line. It is relative to the folder in which the command was given.
func (c *cli) path(name string) string {
	if c.remote == nil || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.remote.directory, name)
}

// findStream finds a stream. The error lists the declared streams and has exit code 3.
func findStream(a *app.App, name string) (*project.Stream, error) {
	if s := a.Project.Stream(name); s != nil {
		return s, nil
	}
	return nil, notFound("stream", name, streamNames(a.Project))
}

// findPipeline finds a pipeline. The error lists the declared pipelines and has exit code 3.
func findPipeline(a *app.App, name string) (*project.Pipeline, error) {
	if p := a.Project.Pipeline(name); p != nil {
		return p, nil
	}
	return nil, notFound("pipeline", name, pipelineNames(a.Project))
}

func notFound(what, name string, known []string) error {
	return notFoundIn(what, name, what+"s", known)
}

// notFoundIn is notFound for what is declared in another folder.
func notFoundIn(what, name, folder string, known []string) error {
	err := &reconcile.NotFoundError{What: what + " " + name}
	if len(known) == 0 {
		return withHint(err, "the project declares no %s yet: add %s/%s.yaml", what, folder, name)
	}
	return withHint(err, "the project declares %s", strings.Join(known, ", "))
}
