// bursar rebuild: a new generation from the events.

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

func (c *cli) rebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild PIPELINE",
		Short: "Fold all events again into a new generation",
		Long: `Folds every sealed batch into the pipeline's next generation, and swaps to it at once when it is whole; until then
readers see the present one, or are refused where the pipeline has changed. This is how a changed pipeline takes effect, and a
proof that the artifacts are what the events say: for an unchanged pipeline the digests before and after are equal, unless batches waited in the backlog or events were retracted: then
it says so. Run ` + "`bursar run`" + ` first for equal digests.

Batches are grouped into runs anew, and runs are numbered from 1: what --history and --as-of of ` + "`bursar get`" + ` showed of the
generation before is gone.`,
		Example: `  bursar rebuild orders
  bursar rebuild orders --json`,
		Args:              argCount(1, 1),
		ValidArgsFunction: c.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App) error { return c.rebuild(ctx, a, args[0]) })
		},
	}
}

func (c *cli) rebuild(ctx context.Context, a *app.App, name string) error {
	if _, err := findPipeline(a, name); err != nil {
		return err
	}
	made, err := a.Rebuild(ctx, name)
	if err != nil {
		return &interruptedError{err, fmt.Sprintf("readers see the same as before, and `bursar rebuild %s` goes on", name)}
	}
	return c.result(made, func(w io.Writer) {
		fmt.Fprintf(w, "%s is at generation %d: %s from %s.\n", name, made.Generation,
			plural(made.Rows, "artifact", "artifacts"), plural(made.Runs, "run", "runs"))
		switch made.DigestBefore {
		case "":
			fmt.Fprintf(w, "digest %s\n", made.DigestAfter)
		case made.DigestAfter:
			fmt.Fprintf(w, "%s equal to the generation before: digest %s\n", checkMark(true), made.DigestAfter)
		default:
			fmt.Fprintf(w, "It differs from the generation before%s:\n  before %s\n  after  %s\n", knownCauses(&made), made.DigestBefore, made.DigestAfter)
		}
	})
}

// knownCauses names what is known to make a generation differ from the one before.
func knownCauses(made *app.Rebuilt) string {
	var causes []string
	if made.Added > 0 {
		causes = append(causes, "had not folded "+plural(made.Added, "batch", "batches")+" of the backlog")
	}
	if made.Retracted {
		causes = append(causes, "was folded with other retractions")
	}
	if len(causes) == 0 {
		return ""
	}
	return ", which " + strings.Join(causes, " and ")
}
