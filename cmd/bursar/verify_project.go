// bursar verify without a name: checks the stored data of the whole project.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"bursar/internal/app"
	"bursar/internal/reconcile/verify"

	"github.com/spf13/cobra"
)

// openToVerify is open for a project whose state may be damaged.
func (c *cli) openToVerify(cmd *cobra.Command, do func(ctx context.Context, a *app.App) error) error {
	return c.openWith(cmd, func(ctx context.Context, dir, _ string, log *slog.Logger) (*app.App, error) {
		return app.OpenToVerify(ctx, dir, log)
	}, do)
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
	failed, totals := 0, false
	var remedies []string
	for _, check := range proof.Checks {
		if check.OK {
			continue
		}
		failed++
		totals = totals || check.Totals
		if text := "`" + check.Remedy + "`"; check.Remedy != "" && !strings.Contains(strings.Join(remedies, " "), text) {
			remedies = append(remedies, text)
		}
	}
	text := fmt.Sprintf("%d of %s failed", failed, plural(len(proof.Checks), "check", "checks"))
	return withHint(&verificationError{text, totals}, "%s", strings.Join(remedies, ", then "))
}
