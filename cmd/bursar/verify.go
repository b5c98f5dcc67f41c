// bursar verify: proves the rules on the stored data.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

// verifySample is how many artifacts are recomputed unless a number is given.
const verifySample = 100

func (c *cli) verifyCommand() *cobra.Command {
	var sample int
	var seed uint64
	cmd := &cobra.Command{
		Use:   "verify [PIPELINE]",
		Short: "Prove that everything stored is as it was written, and the artifacts are what the events say",
		Long: `Without a name, looks at every object, index and spool that the catalog knows, and at every object that it does not; each
failed check names the command that mends it. With the name of a pipeline, looks at that one alone.

Of a pipeline it checks control totals through every step, the digests of all stored files, every index entry against the record it
points to, and a sample of artifacts recomputed from their events by another path. Where SQL files make the artifacts, the
sample's events are folded again in random groupings and orders; the seed is printed, and --seed repeats them. The exit
code is 1 when a check fails, 4 when one of control totals does, and 2 when a stream is declared otherwise than its events were taken in.`,
		Example: `  bursar verify
  bursar verify orders
  bursar verify orders --sample 5000 --json`,
		Args:              argCount(0, 1),
		ValidArgsFunction: c.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			if sample < 0 {
				return usagef("--sample %d: it is a number of artifacts", sample)
			}
			o := app.VerifyOptions{Sample: sample, Seed: seed}
			if len(args) == 0 {
				return c.openToVerify(cmd, func(ctx context.Context, a *app.App) error { return c.verifyProject(ctx, a, o) })
			}
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.verify(ctx, a, args[0], o) })
		},
	}
	cmd.Flags().IntVar(&sample, "sample", verifySample, "how many artifacts to recompute")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "of the random groupings that SQL files are tried with; 0 takes one from the clock")
	return cmd
}

func (c *cli) verify(ctx context.Context, a *app.App, name string, o app.VerifyOptions) error {
	if _, err := findPipeline(a, name); err != nil {
		return err
	}
	proof, err := a.Engine.Verify(ctx, name, o)
	if err != nil {
		return err
	}
	err = c.result(proof, func(w io.Writer) {
		for _, check := range proof.Checks {
			fmt.Fprintf(w, "%s %-18s %s\n", checkMark(check.OK), check.Name, printable(oneLine(check.Detail)))
		}
		if proof.OK {
			fmt.Fprintf(w, "%s is right: %s passed.\n", name, plural(len(proof.Checks), "check", "checks"))
		}
	})
	return errors.Join(err, verifyError(name, &proof))
}

// verificationError is how verify ends when checks fail.
type verificationError struct {
	text   string
	totals bool
}

func (e *verificationError) Error() string { return e.text }

// Class is Data: what is stored does not change by asking again.
func (e *verificationError) Class() failure.Class { return failure.Data }

// ExitCode is 4 when control totals do not balance, else 1 (DESIGN §7).
func (e *verificationError) ExitCode() int {
	if e.totals {
		return 4
	}
	return 1
}

func verifyError(name string, proof *app.Verified) error {
	if proof.OK {
		return nil
	}
	failed, totals := 0, false
	for _, check := range proof.Checks {
		if !check.OK {
			failed++
			totals = totals || check.Totals
		}
	}
	text := fmt.Sprintf("%d of %s of %s failed", failed, plural(len(proof.Checks), "check", "checks"), name)
	return withHint(&verificationError{text, totals}, "`bursar rebuild %s` makes the artifacts again from the events", name)
}
