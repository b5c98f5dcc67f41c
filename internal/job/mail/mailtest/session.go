// One SMTP connection of the server with faults.

package mailtest

import (
	"errors"
	"io"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one connection.
type session struct {
	server  *Server
	conn    *smtp.Conn
	stopped <-chan struct{}

	loggedIn bool
	plan     plan
	message  Message
}

func (s *Server) session(c *smtp.Conn, stopped <-chan struct{}) *session {
	return &session{server: s, conn: c, stopped: stopped, loggedIn: s.options.User == ""}
}

// errDropped is never seen by a client: its connection is closed.
var errDropped = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 0, 0}, Message: "dropped"}

// AuthMechanisms lists how clients may log in.
func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth checks a login.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		o := s.server.options
		if user != o.User || password != o.Password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong user or password: " + password}
		}
		s.loggedIn = true
		return nil
	}), nil
}

// Mail begins a message, and decides what happens to it.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.loggedIn {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "log in first"}
	}
	s.message, s.plan = Message{From: from}, s.server.faults.draw()
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case s.plan.refuse:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "refused for now"}
	case s.plan.refuseForGood:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such recipient"}
	case s.plan.stall:
		s.wait()
	case s.plan.drop:
		return s.drop()
	}
	s.message.To = append(s.message.To, to)
	return nil
}

// Data receives the message and stores it.
func (s *session) Data(r io.Reader) error {
	if s.plan.dropDuring {
		return s.drop()
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.message.read(raw); err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	if s.server.options.Raw {
		s.message.Raw = raw
	}
	s.server.mailbox.add(s.message)
	switch {
	case s.plan.stallAfter:
		s.wait()
	case s.plan.dropAfter:
		return s.drop()
	}
	return nil
}

// Reset forgets a message that was not sent to its end.
func (s *session) Reset() { s.message = Message{} }

// Logout ends the session.
func (s *session) Logout() error { return nil }

func (s *session) drop() error {
	return errors.Join(errDropped, s.conn.Conn().Close())
}

// wait stalls until the time is over or the server stops.
func (s *session) wait() {
	timer := time.NewTimer(s.plan.stallFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopped:
	}
}
