// Tests of sending, against a server with faults.

package mail_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/mail"
	"bursar/internal/job/mail/mailtest"
	"bursar/internal/vault"
)

const sender = "Example Ltd <billing@example.com>"

// plain is a client of a server without encryption.
func plain(tb testing.TB, s *mailtest.Server, connections int) *mail.Client {
	tb.Helper()
	c := mail.NewClient(mail.Config{Address: s.Address(), TLS: mail.TLSNone, From: sender, Connections: connections})
	tb.Cleanup(c.Close)
	return c
}

func message(id string) mail.Message {
	return mail.Message{ID: id, To: "jane@example.org", Subject: "Invoice 7", Text: "It is due.\n"}
}

func TestSendStoresTheMessageOnce(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{})
	c := plain(t, s, 1)
	if err := c.Send(t.Context(), message("0a1b")); err != nil {
		t.Fatal(err)
	}
	if n := s.Count(mail.MessageID("0a1b")); n != 1 || s.Len() != 1 {
		t.Errorf("the message is there %d times among %d, want once among 1", n, s.Len())
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{})
	c := plain(t, s, 1)
	for i := range 50 {
		if err := c.Send(t.Context(), message(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("50 messages took %d connections, want 1", n)
	}
	c.Close()
	if err := c.Send(t.Context(), message("after")); err != nil {
		t.Fatalf("send after Close: %v", err)
	}
	if n := s.Connections(); n != 2 {
		t.Errorf("after Close there were %d connections, want 2", n)
	}
}

func TestRefusedMessageLeavesTheConnectionUsable(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{Faults: mailtest.Faults{RefuseForGood: 1}})
	c := plain(t, s, 1)
	if err := c.Send(t.Context(), message("refused")); failure.Of(err) != failure.Data {
		t.Fatalf("send a refused message: %v, want an error of class data", err)
	}
	s.SetFaults(mailtest.Faults{})
	if err := c.Send(t.Context(), message("next")); err != nil {
		t.Fatal(err)
	}
	if s.Connections() != 1 || s.Len() != 1 {
		t.Errorf("%d connections and %d messages, want 1 and 1", s.Connections(), s.Len())
	}
}

func TestConcurrentMessagesShareAFewConnections(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{})
	c := plain(t, s, 3)
	var sending sync.WaitGroup
	for i := range 100 {
		sending.Go(func() {
			if err := c.Send(t.Context(), message(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	if s.Len() != 100 || s.Connections() > 3 {
		t.Errorf("%d messages by %d connections, want 100 by at most 3", s.Len(), s.Connections())
	}
}

func TestConnectionThatTheServerClosedIsReplaced(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{})
	c := plain(t, s, 1)
	for _, id := range []string{"a", "b", "c"} {
		if err := c.Send(t.Context(), message(id)); err != nil {
			t.Fatal(err)
		}
		s.Stop()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Len() != 3 || s.Connections() != 3 {
		t.Errorf("%d messages by %d connections, want 3 by 3", s.Len(), s.Connections())
	}
}

func TestStoppedServerIsTransient(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{})
	c := plain(t, s, 1)
	s.Stop()
	err := c.Send(t.Context(), message("a"))
	if failure.Of(err) != failure.Transient || errors.Is(err, mail.ErrUncertain) {
		t.Errorf("send to a stopped server: %v, want a transient error that is certain", err)
	}
}

// TestSecretAddress: errors name an address that is a secret, and show nothing of it (rule 8).
func TestSecretAddress(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{})
	s.Stop()
	for _, address := range []string{s.Address(), "secrethost:smtp", "secrethost"} {
		c := mail.NewClient(mail.Config{Address: address, Name: "vault:smtp", TLS: mail.TLSNone, From: sender})
		err := c.Send(t.Context(), message("a"))
		if err == nil || !strings.Contains(err.Error(), "through vault:smtp: ") || strings.Contains(err.Error(), "secrethost") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults    mailtest.Faults
		deadline  time.Duration // 0: none
		text      string        // of the message
		class     failure.Class
		uncertain bool
		stored    int
	}{
		"refused for now":           {faults: mailtest.Faults{Refuse: 1}, class: failure.Transient},
		"refused for good":          {faults: mailtest.Faults{RefuseForGood: 1}, class: failure.Data},
		"dropped at the recipient":  {faults: mailtest.Faults{Drop: 1}, class: failure.Transient},
		"dropped before it is sent": {faults: mailtest.Faults{DropDuring: 1}, text: huge, class: failure.Transient},
		"dropped after it is sent":  {faults: mailtest.Faults{DropAfter: 1}, class: failure.Transient, uncertain: true, stored: 1},
		"stalled at the recipient": {
			faults: mailtest.Faults{Stall: 1, StallFor: time.Minute}, deadline: 200 * time.Millisecond, class: failure.Transient,
		},
		"stalled after it is sent": {
			faults: mailtest.Faults{StallAfter: 1, StallFor: time.Minute}, deadline: 200 * time.Millisecond,
			class: failure.Transient, uncertain: true, stored: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.New(t, mailtest.Options{Faults: test.faults})
			ctx := t.Context()
			if test.deadline > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, test.deadline)
				defer cancel()
			}
			m := message("a")
			m.Text += test.text
			err := plain(t, s, 1).Send(ctx, m)
			if err == nil || failure.Of(err) != test.class {
				t.Errorf("error %v of class %v, want class %v", err, failure.Of(err), test.class)
			}
			if errors.Is(err, mail.ErrUncertain) != test.uncertain {
				t.Errorf("uncertain: %v, want %v: %v", !test.uncertain, test.uncertain, err)
			}
			if test.deadline > 0 && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the chain does not contain the deadline: %v", err)
			}
			if s.Len() != test.stored {
				t.Errorf("%d messages are stored, want %d", s.Len(), test.stored)
			}
		})
	}
}

// huge does not fit the buffers of a connection.
var huge = strings.Repeat(strings.Repeat("x", 70)+"\n", 500_000)

func TestEndedContextSendsNothing(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{})
	c := plain(t, s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Send(ctx, message("a"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, mail.ErrUncertain) || s.Len() != 0 {
		t.Errorf("send in an ended context: %v, %d messages", err, s.Len())
	}
}

func TestWaitingForAConnectionEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, mailtest.Options{Faults: mailtest.Faults{Stall: 1, StallFor: time.Minute}})
	c := plain(t, s, 1)
	first, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Send(first, message("a")) }()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for s.Connections() == 0 {
		<-again.C
	}
	second, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Send(second, message("b")); !errors.Is(err, context.DeadlineExceeded) || failure.Of(err) != failure.Transient {
		t.Errorf("send while all connections are in use: %v, want a transient error with the deadline", err)
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the first message: %v, want that it was cancelled", err)
	}
}

// TestNoErrorIsWrong sends many messages through a server with all faults, that stops now and then, and compares what Send said of
// each attempt with the mailbox.
func TestNoErrorIsWrong(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := mailtest.New(t, mailtest.Options{Faults: mailtest.Faults{
		Seed: seed, Refuse: 0.05, RefuseForGood: 0.05, Stall: 0.02, Drop: 0.05, DropDuring: 0.05, StallAfter: 0.02, DropAfter: 0.05,
		StallFor: 100 * time.Millisecond,
	}})
	c := plain(t, s, 4)
	const senders, attempts = 8, 150
	var sending, stopping sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for i := range attempts {
				compare(t, c, s, fmt.Sprintf("%d-%d", sender, i))
			}
		})
	}
	ended := make(chan struct{})
	stopping.Go(func() {
		again := time.NewTicker(100 * time.Millisecond)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				s.Stop()
				if err := s.Start(); err != nil {
					t.Error(err)
				}
			case <-ended:
				return
			}
		}
	})
	sending.Wait()
	close(ended)
	stopping.Wait()
}

// compare sends a message that may take 50 ms, and checks what is said of it.
func compare(t *testing.T, c *mail.Client, s *mailtest.Server, id string) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := c.Send(ctx, message(id))
	stored := s.Count(mail.MessageID(id))
	switch {
	case err == nil && stored != 1:
		t.Errorf("message %s was sent, and is stored %d times", id, stored)
	case err != nil && !errors.Is(err, mail.ErrUncertain) && stored != 0:
		t.Errorf("message %s was not sent, and is stored %d times: %v", id, stored, err)
	case stored > 1:
		t.Errorf("message %s is stored %d times: %v", id, stored, err)
	case failure.Of(err) == failure.Bug && err != nil:
		t.Errorf("message %s: an error without a class: %v", id, err)
	}
}

func TestEncryptionAndLogin(t *testing.T) {
	t.Parallel()
	const user, password = "bursar", "correct horse"
	for name, test := range map[string]struct {
		server   mailtest.Options
		tls      string
		password string
		distrust bool
		refused  string // a part of the error; empty: it is sent
	}{
		"starttls by default":      {server: mailtest.Options{TLS: mailtest.StartTLS}},
		"starttls with login":      {server: mailtest.Options{TLS: mailtest.StartTLS, User: user, Password: password}, password: password},
		"implicit":                 {server: mailtest.Options{TLS: mailtest.Implicit}, tls: mail.TLSImplicit},
		"implicit with login":      {server: mailtest.Options{TLS: mailtest.Implicit, User: user, Password: password}, tls: mail.TLSImplicit, password: password},
		"none with login":          {server: mailtest.Options{User: user, Password: password}, tls: mail.TLSNone, password: password},
		"wrong password":           {server: mailtest.Options{TLS: mailtest.StartTLS, User: user, Password: password}, password: "wrong battery", refused: "535"},
		"no login":                 {server: mailtest.Options{TLS: mailtest.StartTLS, User: user, Password: password}, refused: "530"},
		"login is not offered":     {server: mailtest.Options{TLS: mailtest.StartTLS}, password: password, refused: "check tls, user and password"},
		"starttls is not offered":  {server: mailtest.Options{}, refused: "does not offer STARTTLS; set mail.tls"},
		"implicit is not spoken":   {server: mailtest.Options{}, tls: mail.TLSImplicit, refused: "does not speak TLS"},
		"certificate of nobody":    {server: mailtest.Options{TLS: mailtest.StartTLS}, distrust: true, refused: "certificate"},
		"implicit, of nobody":      {server: mailtest.Options{TLS: mailtest.Implicit}, tls: mail.TLSImplicit, distrust: true, refused: "certificate"},
		"encryption of no kind":    {server: mailtest.Options{}, tls: "some", refused: "not one of"},
		"required stays encrypted": {server: mailtest.Options{User: user, Password: password}, password: password, refused: "STARTTLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.New(t, test.server)
			config := mail.Config{Address: s.Address(), TLS: test.tls, From: sender, Roots: s.Roots()}
			if test.password != "" {
				config.User, config.Password = user, vault.NewSecret(test.password)
			}
			if test.distrust {
				config.Roots = nil
			}
			c := mail.NewClient(config)
			t.Cleanup(c.Close)
			err := c.Send(t.Context(), message("a"))
			if test.refused == "" {
				if err != nil || s.Len() != 1 {
					t.Errorf("send: %v, %d messages, want 1", err, s.Len())
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.refused) || failure.Of(err) != failure.Data {
				t.Errorf("send: %v of class %v, want an error of class data with %q", err, failure.Of(err), test.refused)
			}
			if test.password != "" && strings.Contains(fmt.Sprint(err), test.password) {
				t.Errorf("the error contains the password: %v", err)
			}
			if s.Len() != 0 || errors.Is(err, mail.ErrUncertain) {
				t.Errorf("%d messages are stored, want none: %v", s.Len(), err)
			}
		})
	}
}

func TestAddressOfTheServer(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost", ":25", "localhost:", "localhost:0", "localhost:70000", "localhost:smtp", "a b:25"} {
		c := mail.NewClient(mail.Config{Address: address, TLS: mail.TLSNone, From: sender})
		err := c.Send(t.Context(), message("a"))
		if err == nil || errors.Is(err, mail.ErrUncertain) {
			t.Errorf("address %q: %v, want a certain error", address, err)
		}
		if address != "a b:25" && failure.Of(err) != failure.Data {
			t.Errorf("address %q: class %v of %v, want data", address, failure.Of(err), err)
		}
	}
}

// BenchmarkSend sends messages one after another on one connection.
func BenchmarkSend(b *testing.B) {
	s := mailtest.New(b, mailtest.Options{})
	c := plain(b, s, 1)
	for i := 0; b.Loop(); i++ {
		if err := c.Send(b.Context(), message(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
	if s.Connections() != 1 {
		b.Errorf("%d connections, want 1", s.Connections())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkThousand sends 1,000 messages on one connection.
func BenchmarkThousand(b *testing.B) {
	s := mailtest.New(b, mailtest.Options{})
	for b.Loop() {
		s.Clear()
		c := plain(b, s, 1)
		before := s.Connections()
		for i := range 1000 {
			if err := c.Send(b.Context(), message(fmt.Sprint(i))); err != nil {
				b.Fatal(err)
			}
		}
		c.Close()
		if used := s.Connections() - before; used != 1 || s.Len() != 1000 {
			b.Fatalf("%d messages by %d connections, want 1000 by 1", s.Len(), used)
		}
	}
}
