// bursar rebuild: folds all events into a new generation.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/reconcile/rebuild"

	"github.com/spf13/cobra"
)

func (c *cli) rebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild PIPELINE",
		Short: "Fold all events again into a new generation",
		Long: `Folds every sealed batch into the next generation of the pipeline, and switches to it when it is complete. Until then,
readers see the current generation, or get an error if the pipeline has changed. A rebuild makes a changed pipeline take
effect. It also proves that the artifacts match the events: for an unchanged pipeline the digests before and after are equal,
unless batches waited in the backlog or events were retracted, which is then reported. For equal digests, run ` + "`bursar run`" + ` first.

Batches are grouped into new runs, which are numbered from 1: the history that ` + "`bursar get`" + ` showed with --history and
--as-of is lost.`,
		Example: `  bursar rebuild orders
  bursar rebuild orders --json`,
		RunE: onPipeline(c.open, c.rebuild),
	}
}

func (c *cli) rebuild(ctx context.Context, a *app.App, p *project.Pipeline, _ []string) error {
	made, err := a.Rebuild(ctx, p.Name)
	if err != nil {
		return &interruptedError{err, fmt.Sprintf("readers still see the old generation; `bursar rebuild %s` continues", p.Name)}
	}
	return errors.Join(unfinishedRetraction(ctx, a), c.result(made, func(w io.Writer) {
		fmt.Fprintf(w, "%s is at generation %d: %s from %s.\n", p.Name, made.Generation,
			plural(made.Rows, "artifact", "artifacts"), plural(made.Runs, "run", "runs"))
		switch made.DigestBefore {
		case "":
			fmt.Fprintf(w, "digest %s\n", made.DigestAfter)
		case made.DigestAfter:
			fmt.Fprintf(w, "%s equal to the previous generation: digest %s\n", checkMark(true), made.DigestAfter)
		default:
			fmt.Fprintf(w, "It differs from the previous generation%s:\n  before %s\n  after  %s\n", knownCauses(&made), made.DigestBefore, made.DigestAfter)
		}
	}))
}

// knownCauses names the known reasons for which a generation differs from the previous one.
func knownCauses(made *rebuild.Result) string {
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
