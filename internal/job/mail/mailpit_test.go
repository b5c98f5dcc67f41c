// Tests against mailpit, a mail server that others wrote.

package mail_test

import (
	"errors"
	"fmt"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/job/mail"
	"bursar/internal/job/mail/mailtest"
	"bursar/internal/job/mailbox"
	"bursar/internal/vault"
)

// mailpitClient is a client that logs in on one connection.
func mailpitClient(t *testing.T, m *mailtest.Mailpit) *mail.Client {
	t.Helper()
	c := mail.NewClient(mail.Config{
		Address: m.SMTP, TLS: mail.TLSNone, From: sender, User: "any", Password: vault.NewSecret("thing"), Connections: 1,
	})
	t.Cleanup(c.Close)
	return c
}

func TestMailpitHasWhatWasSent(t *testing.T) {
	t.Parallel()
	m := mailtest.NewMailpit(t)
	c, box := mailpitClient(t, m), &mailbox.Mailbox{URL: m.SearchURL()}
	const count = 1234 // more than a page of the mailbox
	for i := range count {
		if err := c.Send(t.Context(), message(fmt.Sprintf("%032x", i))); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]bool{
		fmt.Sprintf("%032x", 7): true, fmt.Sprintf("%032x", count): false,
		fmt.Sprintf("%031x", 7): false, // mailpit finds parts of a Message-ID
	} {
		if found, err := box.Sent(t.Context(), mail.MessageID(id)); err != nil || found != want {
			t.Errorf("message %s is found: %v (%v), want %v", id, found, err, want)
		}
	}
	listed := map[string]int{}
	for id, err := range box.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed[id]++
	}
	for i := range count {
		if n := listed[mail.MessageID(fmt.Sprintf("%032x", i))]; n != 1 {
			t.Fatalf("message %d is listed %d times, want once", i, n)
		}
	}
	if len(listed) != count {
		t.Errorf("%d messages are listed, want %d", len(listed), count)
	}
}

func TestMailpitRefusesAndDies(t *testing.T) {
	t.Parallel()
	m := mailtest.NewMailpit(t)
	c, box := mailpitClient(t, m), &mailbox.Mailbox{URL: m.SearchURL()}
	for code, class := range map[int]failure.Class{451: failure.Transient, 421: failure.Transient, 550: failure.Data} {
		if err := m.Chaos(t.Context(), "Recipient", code, 100); err != nil {
			t.Fatal(err)
		}
		err := c.Send(t.Context(), message("refused"))
		if err == nil || failure.Of(err) != class || errors.Is(err, mail.ErrUncertain) {
			t.Errorf("code %d: %v of class %v, want class %v, and certain", code, err, failure.Of(err), class)
		}
	}
	if err := m.Chaos(t.Context(), "Recipient", 451, 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), message("before")); err != nil {
		t.Fatal(err)
	}
	m.Stop()
	if err := c.Send(t.Context(), message("during")); failure.Of(err) != failure.Transient || err == nil {
		t.Errorf("send to a killed mailpit: %v, want a transient error", err)
	}
	if _, err := box.Sent(t.Context(), mail.MessageID("before")); failure.Of(err) != failure.Transient || err == nil {
		t.Errorf("search a killed mailpit: %v, want a transient error", err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), message("after")); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"before": true, "during": false, "after": true, "refused": false} {
		if found, err := box.Sent(t.Context(), mail.MessageID(id)); err != nil || found != want {
			t.Errorf("message %s is found: %v (%v), want %v", id, found, err, want)
		}
	}
}

func TestMailpitRefusesTheLogin(t *testing.T) {
	t.Parallel()
	m := mailtest.NewMailpit(t)
	if err := m.Chaos(t.Context(), "Authentication", 535, 100); err != nil {
		t.Fatal(err)
	}
	err := mailpitClient(t, m).Send(t.Context(), message("a"))
	if err == nil || failure.Of(err) != failure.Data {
		t.Errorf("send: %v, want an error of class data", err)
	}
}
