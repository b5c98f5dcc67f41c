// bursar repair: makes again what is damaged, and puts back from a backup what cannot be made.

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/failure"

	"github.com/spf13/cobra"
)

func (c *cli) repairCommand() *cobra.Command {
	var o app.RepairOptions
	var giveUp []string
	var reason string
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Mend what is damaged, older or missing in a project's state",
		Long: `Looks at everything that ` + "`bursar verify`" + ` looks at, and makes again what can be derived: the catalog from manifests, manifests
from the catalog, dedupe indexes from events, indexes and artifacts from events. Batches that an older catalog does not know
are adopted. What cannot be derived, such as events, is put back from the folder of --from, which holds a copy of the project or
of its .bursar: any file in it whose size and digest are right is taken. While events are missing, artifacts that can be read stay as
they are. Objects that nothing names are removed, but for those that may hold events.

A batch or a retraction that is lost, and that no copy has, keeps its stream from being used. --give-up, with what is lost as
` + "`bursar repair`" + ` names it, goes on without it: an empty batch, or a retraction that changes nothing, takes its place. Events of the batch
do not count then, and its files may be ingested again; what the retraction left out counts, and what it took back stays retracted. It
cannot be undone. ` + "`bursar status`" + ` shows what was given up and why.

Requests that may have been lost with a damaged file are reported until they are dismissed with --dismiss.

What it did is printed; what stays broken is listed, and the exit code is 1. It may be stopped and called again. ` + "`bursar up`" + ` must
not run.`,
		Example: `  bursar verify
  bursar repair
  bursar repair --from /backup/shop
  bursar repair --give-up "retraction 2 of payments" --reason "no copy has it"
  bursar repair --dismiss`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Sample = verifySample
			var err error
			if o.GiveUp, err = parseGiveUp(giveUp, strings.TrimSpace(reason), o.From); err != nil {
				return err
			}
			done, err := app.Repair(cmd.Context(), c.project, o, c.log)
			var up *app.ServedError
			if errors.As(err, &up) {
				return withHint(err, "stop `bursar up`, then repair")
			}
			if err != nil {
				err = &interruptedError{err, "`bursar repair` goes on"}
				if len(done.Done)+len(done.Broken) == 0 {
					return err
				}
				return errors.Join(c.printRepaired(&done), err)
			}
			return errors.Join(c.printRepaired(&done), repairError(&done))
		},
	}
	cmd.Flags().StringVar(&o.From, "from", "", "a folder with a copy of the project, or of parts of it")
	cmd.Flags().BoolVar(&o.Dismiss, "dismiss", false, "do not report lost requests any more that were reported")
	cmd.Flags().StringArrayVar(&giveUp, "give-up", nil, "go on without what is lost, such as \"batch 3 of payments\"; may be repeated")
	cmd.Flags().StringVar(&reason, "reason", "", "why it is given up: it is kept and shown; required with --give-up")
	return cmd
}

// parseGiveUp reads what is lost as repair names it.
func parseGiveUp(names []string, reason, from string) (map[string]app.GiveUp, error) {
	switch {
	case len(names) == 0 && reason != "":
		return nil, usagef("--reason is why something is given up: say what, as in --give-up \"retraction 2 of payments\"")
	case len(names) == 0:
		return nil, nil
	case reason == "":
		return nil, usagef("say why it is given up: --reason TEXT")
	case from != "":
		return nil, usagef("--give-up goes without --from: first put back what a copy has")
	}
	all := map[string]app.GiveUp{}
	for _, what := range names {
		var kind, stream string
		var number uint64
		_, err := fmt.Sscanf(what, "%s %d of %s", &kind, &number, &stream)
		if err != nil || number == 0 || kind != "batch" && kind != "retraction" || what != fmt.Sprintf("%s %d of %s", kind, number, stream) {
			return nil, usagef("%q is not what can be given up: name it as `bursar repair` does, such as \"batch 3 of payments\" or \"retraction 2 of payments\"", what)
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
			fmt.Fprintln(w, "Nothing is to be repaired.")
		}
	})
}

func repairError(done *app.RepairedProject) error {
	if done.OK {
		return nil
	}
	if len(done.Outdated) == len(done.Broken) {
		err := failure.Wrap(failure.Data, fmt.Errorf("%s to be rebuilt", plural(len(done.Outdated), "pipeline has", "pipelines have")))
		return withHint(err, "`bursar rebuild %s`", strings.Join(done.Outdated, "`, `bursar rebuild "))
	}
	err := failure.Wrap(failure.Data, fmt.Errorf("%s could not be repaired", plural(len(done.Broken), "thing", "things")))
	if len(done.Outdated)+done.Twice == len(done.Broken) {
		return withHint(err, "retract one of each two events that count twice, then `bursar repair`")
	}
	return withHint(err, "`bursar repair --from BACKUP` puts sealed files back from a copy of the project")
}
