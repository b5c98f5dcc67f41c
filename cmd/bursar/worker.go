// bursar worker: works in some roles for a project that several processes share, and manages these processes.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/reconcile"
	"bursar/internal/role"

	"github.com/spf13/cobra"
)

func (c *cli) workerCommand() *cobra.Command {
	var roles string
	var o app.UpOptions
	cmd := &cobra.Command{
		Use:   "worker --roles ROLE[,ROLE…]",
		Short: "Work in some roles for a project that several processes share",
		Long: `Works in some roles until it is stopped, beside any number of ` + "`bursar up`" + ` and other workers, on any machines. The project's
objects must be in S3, its catalog and index in PostgreSQL, and its Temporal server must be a cluster:
` + "`bursar help several-machines`" + ` describes it.

  intake      owns streams: receives, checks and seals their events
  reconcile   executes the steps of runs, but for the index
  index       loads the index
  warehouse   publishes into the warehouse
  job         starts the slots of jobs, and executes their tasks
  api         the HTTP API

` + "`bursar up`" + ` has all roles, and an inbox. SIGTERM, SIGHUP or Ctrl-C stops a worker: it takes no new work, finishes the steps that it
executes, and leaves its streams to others. A second signal ends it at once; others continue what it did, and nothing is lost.`,
		Example: `  bursar worker --roles reconcile,index
  bursar worker --roles intake --peer-address 10.0.0.7:7400
  bursar worker list
  bursar worker drain db2-4711-x4k2fa`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if roles == "" {
				return usagef("a worker needs roles: --roles with some of %s", role.Join(role.All()))
			}
			var err error
			if o.Roles, err = role.Parse(roles); err != nil {
				return usagef("--roles: %v", err)
			}
			return c.work(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&roles, "roles", "", "what it does: `ROLES` separated by commas")
	cmd.Flags().StringVar(&o.Listen, "listen", "", "with the role api: the `address` of the API, HOST:PORT")
	addPeerAddress(cmd, &o.PeerAddress)
	cmd.AddCommand(c.workerListCommand(),
		c.askCommand("pause", app.WantPause, "Have a process take no new work", "It finishes what it executes, leaves its streams to others, and stays. Its HTTP API goes on."),
		c.askCommand("resume", app.WantWork, "Have a paused process work again", "It takes work in its roles again."),
		c.askCommand("drain", app.WantDrain, "Have a process finish its work and end", "It takes no new work, finishes what it executes, leaves its streams to others, and ends with exit code 0."))
	return cmd
}

func addPeerAddress(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "peer-address", "", "where other processes of the project reach this one, `HOST:PORT`; by default the address from which it reaches the database, and any port")
}

func (c *cli) work(ctx context.Context, o app.UpOptions) error {
	if c.remote != nil {
		return app.ErrAlone
	}
	a, err := app.Open(ctx, c.project, "worker", c.log)
	if errors.As(err, new(*app.ServedError)) { // processes that share a project do not lock its folder
		return app.ErrAlone
	}
	if err != nil {
		return err
	}
	if !a.IsShared() {
		return errors.Join(app.ErrAlone, a.Close())
	}
	o.Worker = true
	return c.serve(ctx, a, o)
}

func (c *cli) workerListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the processes of a project",
		Long: `Lists the processes that work for the project, and the commands that run at the moment: machine, roles, since when, state, and what
each does: the streams that it owns, the steps that it executes, and the slots whose tasks it executes, with the number of their
chunks. A process that has died disappears when the database notices it. One that has been suspended or cut off for ten seconds is
silent: the database still has its session, and others do its work.`,
		Example: `  bursar worker list
  bursar worker list --json`,
		Args: argCount(0, 0),
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, _ []string) error {
			list, unknown, err := a.ListWorkers(ctx)
			if err != nil {
				return err
			}
			result := map[string]any{"workers": list}
			if unknown != nil {
				result["warnings"] = []string{unknownSteps(unknown)}
			}
			return c.result(result, func(w io.Writer) {
				g := newGrid("process", "machine", "command", "roles", "state", "since", "does")
				for i := range list {
					p := &list[i]
					g.add(p.ID, p.Host, p.Command, role.Join(p.Roles), describeState(&p.Process), formatTime(&p.Since), cmp.Or(strings.Join(p.Does, "; "), "waits"))
				}
				g.print(w, width(c.out))
				if unknown != nil {
					fmt.Fprintf(w, "warning: %s\n", printable(unknownSteps(unknown)))
				}
			})
		}),
	}
}

func unknownSteps(err error) string {
	return fmt.Sprintf("the steps that they execute are unknown: %v", err)
}

// askCommand asks a process for something.
func (c *cli) askCommand(name, wanted, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:     name + " PROCESS",
		Short:   short,
		Long:    long + " `bursar worker list` shows the processes and their states. The command does not wait.",
		Example: "  bursar worker " + name + " db2-4711-x4k2fa",
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, args []string) error {
			p, err := a.Ask(ctx, args[0], wanted)
			if errors.As(err, new(*reconcile.NotFoundError)) {
				err = withHint(err, "`bursar worker list` shows the processes")
			}
			if err != nil {
				return err
			}
			return c.result(p, func(w io.Writer) { fmt.Fprintln(w, printable(describeAsked(name, &p))) })
		}),
	}
}

// describeState is the state of a process for people.
func describeState(p *app.Process) string {
	if p.Silent != nil {
		return p.State + " since " + formatTime(p.Silent)
	}
	return p.State
}

// describeAsked says what a process was asked for, and what it does so far.
func describeAsked(name string, p *app.Asked) string {
	who := fmt.Sprintf("Process %s on %s", p.ID, p.Host)
	switch {
	case p.Already && (name == "pause" && p.State == app.StatePaused || name == "resume" && p.State == app.StateWorking):
		return fmt.Sprintf("%s is %s already.", who, p.State)
	case p.Already && name != "resume":
		return fmt.Sprintf("%s was asked to %s before; so far it is %s.", who, name, describeState(&p.Process))
	}
	return fmt.Sprintf("%s is asked to %s; so far it is %s.", who, name, describeState(&p.Process))
}
