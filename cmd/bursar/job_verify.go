// bursar job verify: proves that each message of a job was sent once.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/job/proof"
	"bursar/internal/job/record"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) jobVerifyCommand() *cobra.Command {
	var interval intervalFlags
	mailbox := ""
	cmd := &cobra.Command{
		Use:   "verify JOB",
		Short: "Prove that each message of a job was sent once",
		Long: `Compares the tasks of a job that sends mail with all messages in a mailbox, by the Message-ID that is made of a task's idempotency key:
those of done tasks must be there once, those of excluded tasks never, and none twice. Of tasks that have failed or have not ended, either
is right. Otherwise the exit code is 4.

The mailbox must be mailpit, or answer as it does. By default it is mail.sent of bursar.yaml. Messages that no task has are counted, and
do not matter: they may be of other slots, jobs or senders.`,
		Example: `  bursar job verify reminders
  bursar job verify reminders --mailbox 'http://127.0.0.1:8025/api/v1/search?query=message-id:{id}'
  bursar job verify reminders --from 2026-11-01 --to 2026-12-01 --json`,
		RunE: onJob(c.openToRead, func(ctx context.Context, a *app.App, j *project.Job, _ []string) error {
			if err := declared(a, j); err != nil {
				return err
			}
			q := record.Query{Job: j.Name}
			var err error
			if q.From, q.To, err = interval.parse(j); err != nil {
				return err
			}
			done, err := a.VerifyJob(ctx, j, q, mailbox)
			if err != nil {
				return err
			}
			return errors.Join(c.printProof(done), unprovenError(j, done))
		}),
	}
	interval.addTo(cmd, "slots that were due")
	cmd.Flags().StringVar(&mailbox, "mailbox", "", "the `URL` that finds a message, with {id} for its Message-ID; it may be env:NAME or vault:NAME")
	return cmd
}

// proofFinding is a count of the output of --json, with examples.
type proofFinding struct {
	name string
	text string
	of   *proof.Finding
	bad  bool
}

func findings(r *proof.Result) []proofFinding {
	return []proofFinding{
		{"missing", "not there, although the task is done", &r.Missing, true},
		{"twice", "there more than once", &r.Twice, true},
		{"unexpected", "there, although the task was excluded", &r.Unexpected, true},
		{"unknown_sent", "there, of tasks that have failed or not ended", &r.UnknownSent, false},
		{"unknown_missing", "not there, of tasks that have failed or not ended", &r.UnknownMissing, false},
		{"stray", "there, and of no task", &r.Stray, false},
	}
}

// provenMessage is a message in the output of --json.
type provenMessage struct {
	ID    string `json:"id"`
	Slot  string `json:"slot,omitempty"`
	Key   string `json:"key,omitempty"`
	Found int    `json:"found"`
}

func (c *cli) printProof(r *proof.Result) error {
	value := map[string]any{"ok": r.OK(), "expected": r.Expected, "found": r.Found, "sent": r.Sent, "excluded": r.Excluded}
	for _, f := range findings(r) {
		examples := []provenMessage{}
		for _, e := range f.of.Examples {
			examples = append(examples, provenMessage(e))
		}
		value[f.name] = map[string]any{"count": f.of.Count, "examples": examples}
	}
	return c.result(value, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s of tasks, %s in the mailbox: %s there once, %s excluded and not there.\n", checkMark(r.OK()),
			plural(r.Expected, "message", "messages"), formatCount(r.Found), plural(r.Sent, "is", "are"), plural(r.Excluded, "is", "are"))
		for _, f := range findings(r) {
			if f.of.Count == 0 {
				continue
			}
			fmt.Fprintf(w, "%s %s %s\n", checkMark(!f.bad), plural(f.of.Count, "is", "are"), f.text)
			if f.bad {
				printMessages(w, f.of)
			}
		}
	})
}

func printMessages(w io.Writer, f *proof.Finding) {
	for i, e := range f.Examples {
		if i == shownObjects {
			fmt.Fprintf(w, "    … and %s more\n", formatCount(f.Count-i))
			return
		}
		fmt.Fprintf(w, "    %s, task %s: %s times\n", printable(e.Slot), shorten(taskName(e.Key)), formatCount(e.Found))
	}
}

func unprovenError(j *project.Job, r *proof.Result) error {
	if r.OK() {
		return nil
	}
	err := fmt.Errorf("the messages of job %s were not all sent once: %s missing, %s twice, %s unexpected", j.Name,
		plural(r.Missing.Count, "is", "are"), plural(r.Twice.Count, "is", "are"), plural(r.Unexpected.Count, "is", "are"))
	return &unbalancedError{error: err}
}
