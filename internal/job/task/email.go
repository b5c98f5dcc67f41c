// Email tasks: one message, whose id is the idempotency key.

package task

import (
	"context"
	"errors"

	"bursar/internal/job/mail"
)

// message is a declared message.
type message struct {
	*Executor
	to, cc, replyTo, subject, plain, html *text
}

func newMessage(e *Executor, p *parser) *message {
	m := e.job.Task.Email
	return &message{
		Executor: e, to: p.addresses("task.email.to", m.To), cc: p.addresses("task.email.cc", m.CC), replyTo: p.addresses("task.email.reply_to", m.ReplyTo),
		subject: p.text("task.email.subject", m.Subject), plain: p.text("task.email.text", m.Text), html: p.html("task.email.html", m.HTML),
	}
}

func (m *message) execute(ctx context.Context, a *attempt) Outcome {
	const what = "send the message"
	letter, err := m.render(a)
	if err == nil && m.deps.Mail == nil {
		err = errMissing("a mail server: set `mail` in bursar.yaml")
	}
	if err != nil {
		return m.unsent(ctx, a, what, err)
	}
	sender, err := m.deps.Mail()
	if err != nil {
		return m.unsent(ctx, a, what, err)
	}
	if err := sender.Send(ctx, letter); err != nil {
		o := m.unsent(ctx, a, what, complete{err})
		o.Uncertain = o.Uncertain || errors.Is(err, mail.ErrUncertain)
		return o
	}
	return Outcome{State: Done}
}

// unsent is the outcome of an attempt that did not send. What an earlier attempt has done is as unknown as before.
func (m *message) unsent(ctx context.Context, a *attempt, what string, err error) Outcome {
	o := a.failed(ctx, what, err)
	o.Uncertain = a.Uncertain
	return o
}

func (m *message) render(a *attempt) (letter mail.Message, err error) {
	letter = mail.Message{ID: a.ID}
	for _, part := range []struct {
		field *string
		text  *text
	}{
		{&letter.To, m.to}, {&letter.CC, m.cc}, {&letter.ReplyTo, m.replyTo}, {&letter.Subject, m.subject}, {&letter.Text, m.plain}, {&letter.HTML, m.html},
	} {
		if *part.field, err = part.text.render(a.values); err != nil {
			return letter, err
		}
	}
	return letter, nil
}
