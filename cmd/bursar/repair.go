// bursar repair: recreates damaged state, and restores from a backup what cannot be recreated.

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event/repair"
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

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

Requests that may have been lost with a damaged file are reported until they are dismissed with --dismiss.

The command prints what it repaired and what is still broken; in the latter case the exit code is 1. It may be interrupted and
repeated. ` + "`bursar up`" + ` must not run.`,
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
	cmd.Flags().BoolVar(&o.DismissLosses, "dismiss", false, "stop reporting the lost requests that were reported so far")
	cmd.Flags().StringArrayVar(&giveUp, "give-up", nil, "continue without what is missing, such as \"batch 3 of payments\"; may be repeated")
	cmd.Flags().StringVar(&reason, "reason", "", "the reason, which is kept and shown; required with --give-up")
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
