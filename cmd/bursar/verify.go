// bursar verify and repair: check the stored data, and recreate or restore what is damaged.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event/repair"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/reconcile/verify"

	"github.com/spf13/cobra"
)

// verifySample is the default number of artifacts to recompute.
const verifySample = 100

func (c *cli) verifyCommand() *cobra.Command {
	var sample int
	var seed uint64
	cmd := &cobra.Command{
		Use:   "verify [PIPELINE]",
		Short: "Prove that stored data are intact and that artifacts match their events",
		Long: `Without a name, checks every object, index and spool that the catalog knows, the slots of jobs and the output of their tasks, and
every object that the catalog does not know; each failed check names the command that repairs it. With the name of a pipeline, checks only that pipeline.

For a pipeline it checks the control totals of every step, the digests of all stored files, every index entry against the
record it points to, and a sample of artifacts, which it recomputes from their events by independent code. If SQL files make
the artifacts, the events of the sample are folded again in random groupings and orders; the seed is printed, and --seed
repeats them.

The exit code is 1 if a check fails, 4 if a check of control totals fails, and 2 if the declaration of a stream differs from
the one with which its events were ingested.`,
		Example: `  bursar verify
  bursar verify orders
  bursar verify orders --sample 5000 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o := verify.Options{Sample: sample, Seed: seed}
			if len(args) == 0 {
				return c.openWith(cmd, app.OpenToVerify, func(ctx context.Context, a *app.App) error { return c.verifyProject(ctx, a, o) })
			}
			return onPipeline(c.openToRead, func(ctx context.Context, a *app.App, p *project.Pipeline, _ []string) error {
				return c.verify(ctx, a, p.Name, o)
			})(cmd, args)
		},
	}
	countVar(cmd.Flags(), &sample, "sample", verifySample, "number of artifacts to recompute")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed of the random groupings for SQL files; 0 uses the clock")
	return cmd
}

func (c *cli) verify(ctx context.Context, a *app.App, name string, o verify.Options) error {
	proof, err := a.Verifier.Verify(ctx, name, o)
	if err != nil {
		return err
	}
	err = c.result(proof, func(w io.Writer) {
		for _, check := range proof.Checks {
			fmt.Fprintf(w, "%s %-18s %s\n", checkMark(check.OK), check.Name, printable(oneLine(check.Detail)))
		}
		if proof.OK {
			fmt.Fprintf(w, "%s is correct: %s passed.\n", name, plural(len(proof.Checks), "check", "checks"))
		}
	})
	if !proof.OK {
		failed := failedChecks(proof.Checks, " of "+name)
		err = errors.Join(err, withHint(failed, "`bursar rebuild %s` makes the artifacts again from the events", name))
	}
	return err
}

func failedChecks(checks []verify.Check, of string) error {
	failed, totals := 0, false
	for _, check := range checks {
		if !check.OK {
			failed++
			totals = totals || check.Totals
		}
	}
	err := fmt.Errorf("%d of %s%s failed", failed, plural(len(checks), "check", "checks"), of)
	if totals {
		return &unbalancedError{error: err}
	}
	return failure.Wrap(failure.Data, err)
}

func (c *cli) verifyProject(ctx context.Context, a *app.App, o verify.Options) error {
	var bar *progressBar
	proof, err := a.VerifyProject(ctx, o, func(what string, done, total int64) {
		if bar == nil {
			bar = c.meter("verify", "bytes", total)
		}
		bar.Describe("verify " + what)
		bar.set(done)
	})
	if bar != nil {
		bar.done()
	}
	if err != nil {
		return err
	}
	err = c.result(proof, func(w io.Writer) {
		for _, check := range proof.Checks {
			about := check.Pipeline + check.Stream
			fmt.Fprintf(w, "%s %-12s %-18s %s\n", checkMark(check.OK), about, check.Name, printable(oneLine(check.Detail)))
			if check.Remedy != "" {
				fmt.Fprintf(w, "  next: %s\n", printable(check.Remedy))
			}
		}
		if proof.OK {
			fmt.Fprintf(w, "The project is intact: %s passed.\n", plural(len(proof.Checks), "check", "checks"))
		}
	})
	return errors.Join(err, projectVerifyError(&proof), unfinishedRetraction(ctx, a))
}

// projectVerifyError names the commands that repair what failed.
func projectVerifyError(proof *app.VerifiedProject) error {
	if proof.OK {
		return nil
	}
	checks := make([]verify.Check, len(proof.Checks))
	var remedies []string
	for i, check := range proof.Checks {
		checks[i] = check.Check
		if text := "`" + check.Remedy + "`"; !check.OK && check.Remedy != "" && !strings.Contains(strings.Join(remedies, " "), text) {
			remedies = append(remedies, text)
		}
	}
	return withHint(failedChecks(checks, ""), "%s", strings.Join(remedies, ", then "))
}

func (c *cli) repairCommand() *cobra.Command {
	var o app.RepairOptions
	var giveUp []string
	var reason string
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Repair damaged, outdated or missing state of a project",
		Long: `Checks everything that ` + "`bursar verify`" + ` checks, and recreates what can be derived: the catalog from manifests, manifests from
the catalog, dedupe indexes from events, indexes and artifacts from events. Batches that an older catalog does not know are
added to it. What cannot be derived, such as events, is restored from the folder of --from, a copy of the project or of its
.bursar: any file with the right size and digest is used. While events are missing, readable artifacts stay as they are.
Unreferenced objects are removed, except those that may contain events.

A batch or a retraction that is missing, and that no copy contains, blocks its stream. --give-up, with the name that
` + "`bursar repair`" + ` prints, continues without it: an empty batch, or a retraction without effect, takes its place. Events of the
batch do not count then, and its files may be ingested again. What the retraction left out counts; what it undid stays
retracted. This cannot be undone. ` + "`bursar status`" + ` shows what was given up and why.

The lists, counters and records of slots are made again from slots and tasks, as far as these say what they were.

Requests that may have been lost with a damaged file, and lost output of tasks, are reported until they are dismissed with
--dismiss.

The command prints what it repaired and what is still broken; in the latter case the exit code is 1. It may be interrupted and
repeated. Neither ` + "`bursar up`" + ` nor workers may run.`,
		Example: `  bursar verify
  bursar repair
  bursar repair --from /backup/shop
  bursar repair --give-up "retraction 2 of payments" --reason "no copy has it"
  bursar repair --dismiss`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Sample = verifySample
			var err error
			if o.GiveUp, err = parseGiveUp(giveUp, strings.TrimSpace(reason), o.Backup); err != nil {
				return err
			}
			done, err := app.Repair(cmd.Context(), c.project, o, c.log)
			var up *app.ServedError
			if errors.As(err, &up) {
				return withHint(err, "stop `bursar up` first")
			}
			if err != nil {
				err = &interruptedError{err, "`bursar repair` continues"}
				if len(done.Done)+len(done.Broken) == 0 {
					return err
				}
				return errors.Join(c.printRepaired(&done), err)
			}
			return errors.Join(c.printRepaired(&done), repairError(&done))
		},
	}
	cmd.Flags().StringVar(&o.Backup, "from", "", "a folder with a copy of the project, or of parts of it")
	cmd.Flags().BoolVar(&o.DismissLosses, "dismiss", false, "stop reporting the lost requests and the lost output of tasks that were reported so far")
	cmd.Flags().StringArrayVar(&giveUp, "give-up", nil, "continue without what is missing, such as \"batch 3 of payments\"; may be repeated")
	cmd.Flags().StringVar(&reason, "reason", "", "the reason, which is kept and shown; required with --give-up")
	cmd.Flags().BoolVar(&o.AdoptStorage, "adopt-storage", false, "use the objects in the bucket, although they are marked as those of another catalog, or of none")
	cmd.Flags().BoolVar(&o.RenewIdentity, "new-identity-key", false, "make a new key of the digests in the vault, if no machine has the project's key any more")
	return cmd
}

// parseGiveUp parses the names of what is given up, in the form that repair prints.
func parseGiveUp(names []string, reason, from string) (map[string]repair.GiveUp, error) {
	switch {
	case len(names) == 0 && reason != "":
		return nil, usagef("--reason needs --give-up, as in --give-up \"retraction 2 of payments\"")
	case len(names) == 0:
		return nil, nil
	case reason == "":
		return nil, usagef("say why it is given up: --reason TEXT")
	case from != "":
		return nil, usagef("--give-up cannot be combined with --from: first restore what the copy contains")
	}
	all := map[string]repair.GiveUp{}
	for _, what := range names {
		var kind, stream string
		var number uint64
		_, err := fmt.Sscanf(what, "%s %d of %s", &kind, &number, &stream)
		if err != nil || number == 0 || kind != "batch" && kind != "retraction" || what != fmt.Sprintf("%s %d of %s", kind, number, stream) {
			return nil, usagef("%q cannot be given up: use a name that `bursar repair` prints, such as \"batch 3 of payments\" or \"retraction 2 of payments\"", what)
		}
		give := all[stream]
		give.Reason = reason
		if kind == "batch" {
			give.Batches = append(give.Batches, number)
		} else {
			give.Retractions = append(give.Retractions, number)
		}
		all[stream] = give
	}
	return all, nil
}

func (c *cli) printRepaired(done *app.RepairedProject) error {
	return c.result(done, func(w io.Writer) {
		for _, text := range done.Done {
			fmt.Fprintf(w, "%s %s\n", checkMark(true), printable(oneLine(text)))
		}
		for _, text := range done.Broken {
			fmt.Fprintf(w, "%s %s\n", checkMark(false), printable(oneLine(text)))
		}
		if len(done.Done)+len(done.Broken) == 0 {
			fmt.Fprintln(w, "There is nothing to repair.")
		}
	})
}

func repairError(done *app.RepairedProject) error {
	if done.OK {
		return nil
	}
	if len(done.Outdated) == len(done.Broken) {
		err := failure.Wrap(failure.Data, fmt.Errorf("%s a rebuild", plural(len(done.Outdated), "pipeline needs", "pipelines need")))
		return withHint(err, "`bursar rebuild %s`", strings.Join(done.Outdated, "`, `bursar rebuild "))
	}
	err := failure.Wrap(failure.Data, fmt.Errorf("%s could not be repaired", plural(len(done.Broken), "item", "items")))
	if len(done.Outdated)+done.CountedTwice == len(done.Broken) {
		return withHint(err, "for each pair of events with one id, retract one; then `bursar repair`")
	}
	return withHint(err, "`bursar repair --from BACKUP` restores sealed files from a copy of the project")
}
