// bursar verify: checks the stored data of a pipeline or of the whole project.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
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
		Long: `Without a name, checks every object, index and spool that the catalog knows, and every object that it does not know; each
failed check names the command that repairs it. With the name of a pipeline, checks only that pipeline.

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
			if sample < 0 {
				return usagef("--sample %d: the number of artifacts must not be negative", sample)
			}
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
	return errors.Join(err, verifyError(name, &proof))
}

// failedChecks is the error about the checks that failed.
func failedChecks(checks []verify.Check, of string) error {
	failed, totals := 0, false
	for _, check := range checks {
		if !check.OK {
			failed++
			totals = totals || check.Totals
		}
	}
	return &verificationError{fmt.Sprintf("%d of %s%s failed", failed, plural(len(checks), "check", "checks"), of), totals}
}

func verifyError(name string, proof *verify.Result) error {
	if proof.OK {
		return nil
	}
	return withHint(failedChecks(proof.Checks, " of "+name), "`bursar rebuild %s` makes the artifacts again from the events", name)
}

func (c *cli) verifyProject(ctx context.Context, a *app.App, o verify.Options) error {
	var bar *progressBar
	proof, err := a.VerifyProject(ctx, o, func(what string, done, total int64) {
		if bar == nil {
			bar = c.meter("verify", "bytes", total)
		}
		bar.describe("verify " + what)
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
