// Proves that the messages of a job were sent once: compares the records of its tasks with a mailbox.

package app

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/mail"
	"bursar/internal/job/mailbox"
	"bursar/internal/job/proof"
	"bursar/internal/job/record"
	"bursar/internal/project"
	"bursar/internal/vault"
)

// shownMessages bounds the messages of each kind that a proof names.
const shownMessages = 20

// VerifyJob compares the messages that the tasks of slots should have sent with those in a mailbox. The URL of the mailbox may be a reference;
// an empty one is mail.sent of bursar.yaml.
func (a *App) VerifyJob(ctx context.Context, j *project.Job, q record.Query, mailboxURL string) (*proof.Result, error) {
	if j.Task.Email == nil {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("verify job %s: its tasks send no mail: only those with `email` can be compared with a mailbox", j.Name))
	}
	box, err := a.mailbox(mailboxURL)
	if err != nil {
		return nil, err
	}
	if err := box.Check(); err != nil {
		return nil, failure.Wrap(failure.Data, err)
	}
	slots, _, err := a.slots().List(ctx, q)
	if err != nil {
		return nil, err
	}
	return proof.Compare(a.expectedMessages(ctx, slots), box.All(ctx), shownMessages)
}

// mailbox returns the mailbox of a URL, which may be a reference; an empty one is mail.sent of bursar.yaml.
func (a *App) mailbox(text string) (*mailbox.Mailbox, error) {
	file, key := "", "--mailbox"
	if text == "" {
		file, key, text = "bursar.yaml", "mail.sent", a.Project.Config.Mail.Sent
	}
	if text == "" {
		return nil, failure.Wrap(failure.Data, errors.New("no mailbox: give --mailbox URL, or set mail.sent in bursar.yaml"))
	}
	url, err := a.settingOf(file, a.Project.Config.Line(key), key, text)
	if err != nil {
		return nil, err
	}
	box := &mailbox.Mailbox{URL: url}
	if vault.IsSecret(text) {
		box.Name = text
	}
	return box, nil
}

// expectedMessages yields a message for each task of slots.
func (a *App) expectedMessages(ctx context.Context, slots []record.Slot) iter.Seq2[proof.Expected, error] {
	return func(yield func(proof.Expected, error) bool) {
		for i := range slots {
			stopped := false
			err := a.JobTasks(ctx, slots[i].Ref, func(t *chunk.Task) error {
				expected := proof.Expected{ID: mail.MessageID(t.ID), Slot: slots[i].String(), Key: t.Key, Outcome: messageOutcome(t)}
				if stopped = !yield(expected, nil); stopped {
					return failure.ErrStop
				}
				return nil
			})
			if err != nil {
				yield(proof.Expected{}, err)
			}
			if err != nil || stopped {
				return
			}
		}
	}
}

// messageOutcome says whether a task has sent its message. Whether a server has accepted it is unknown of attempts that have failed, and of tasks
// that may have gone on since they were read.
func messageOutcome(t *chunk.Task) proof.Outcome {
	switch {
	case t.State == chunk.Done:
		return proof.Sent
	case t.State == chunk.Excluded && t.Attempts <= 1:
		return proof.NotSent
	}
	return proof.Unknown
}
