// Tests of what the server's answers mean, with a server that answers from a script.

package mail_test

import (
	"bufio"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bursar/internal/failure"
	"bursar/internal/job/mail"
)

// scripted serves one SMTP connection at a time, which gets the given answers to commands; the rest succeeds. "." is the end of the data,
// "connect" the greeting. An empty answer closes the connection, and so does one that ends with breaks after it.
//
// ended gets a value for each connection that the client has closed or the script ended.
func scripted(t *testing.T, answers map[string]string) (address string, ended <-chan struct{}) {
	t.Helper()
	over := make(chan struct{}, 100)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			converse(conn, answers)
			over <- struct{}{}
		}
	}()
	return listener.Addr().String(), over
}

const breaks = "<breaks>"

func converse(conn net.Conn, answers map[string]string) {
	defer conn.Close()
	usual := map[string]string{"connect": "220 ready", "DATA": "354 go ahead", "EHLO": "250 localhost"}
	inData := false
	say := func(command string) bool {
		answer, special := answers[command]
		if !special {
			if answer = usual[command]; answer == "" {
				answer = "250 ok"
			}
		}
		if answer == "" {
			return false
		}
		inData = strings.HasPrefix(answer, "354") && command == "DATA"
		answer, last := strings.CutSuffix(answer, breaks)
		_, err := conn.Write([]byte(answer + "\r\n"))
		return err == nil && !last
	}
	lines := bufio.NewScanner(conn)
	if !say("connect") {
		return
	}
	for lines.Scan() {
		line := lines.Text()
		if inData && line != "." {
			continue
		}
		command, _, _ := strings.Cut(line, " ")
		if !say(command) {
			return
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command, answer string
		class           failure.Class
		uncertain       bool
		wait            time.Duration
		sent            bool
	}{
		"accepted":                  {command: ".", answer: "250 2.0.0 queued", sent: true},
		"accepted by another code":  {command: ".", answer: "251 forwarded", sent: true},
		"accepted on two lines":     {command: ".", answer: "250-2.0.0 queued\r\n250 as 7", sent: true},
		"refused after the data":    {command: ".", answer: "554 5.7.1 spam", class: failure.Data},
		"full disk after the data":  {command: ".", answer: "452 4.3.1 no space", class: failure.Transient},
		"too many after the data":   {command: ".", answer: "421 4.7.0 too many messages", class: failure.Throttled},
		"closing after the data":    {command: ".", answer: "421 4.3.2 shutting down", class: failure.Transient},
		"closed after the data":     {command: ".", answer: "", class: failure.Transient, uncertain: true},
		"nonsense after the data":   {command: ".", answer: "well done", class: failure.Transient, uncertain: true},
		"an answer of other kind":   {command: ".", answer: "354 go on", class: failure.Transient, uncertain: true},
		"a line that breaks off":    {command: ".", answer: "250-queued" + breaks, class: failure.Transient, uncertain: true},
		"closed at the data":        {command: "DATA", answer: "", class: failure.Transient},
		"refused at the data":       {command: "DATA", answer: "451 4.3.0 later", class: failure.Transient},
		"greylisted":                {command: "RCPT", answer: "450 4.2.0 Greylisted, retry in 300 seconds", class: failure.Throttled, wait: 5 * time.Minute},
		"waiting for days":          {command: "RCPT", answer: "450 rate limit, wait 9000 minutes", class: failure.Throttled, wait: time.Hour},
		"unknown recipient":         {command: "RCPT", answer: "550 5.1.1 no such user", class: failure.Data},
		"busy":                      {command: "MAIL", answer: "421 Too busy. Try again later.", class: failure.Throttled},
		"refused sender":            {command: "MAIL", answer: "553 5.7.1 not your address", class: failure.Data},
		"syntax":                    {command: "MAIL", answer: "501 5.5.4 syntax", class: failure.Data},
		"closed at once":            {command: "connect", answer: "", class: failure.Transient},
		"refused at once":           {command: "connect", answer: "554 5.7.1 go away", class: failure.Data},
		"busy at once":              {command: "connect", answer: "421 4.7.0 too many connections", class: failure.Throttled},
		"another protocol":          {command: "connect", answer: "+OK POP3 ready", class: failure.Transient},
		"operating is not a rate":   {command: "RCPT", answer: "451 separate corporate server not operating", class: failure.Transient},
		"goodbye that breaks":       {command: "QUIT", answer: "", sent: true},
		"seconds without a refusal": {command: "RCPT", answer: "451 4.3.0 took 30 seconds", class: failure.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := scripted(t, map[string]string{test.command: test.answer})
			c := mail.NewClient(mail.Config{Address: address, TLS: mail.TLSNone, From: sender})
			defer c.Close()
			err := c.Send(t.Context(), message("a"))
			if test.sent {
				if err != nil {
					t.Errorf("send: %v, want that it is sent", err)
				}
				return
			}
			if err == nil || failure.Of(err) != test.class {
				t.Errorf("send: %v of class %v, want class %v", err, failure.Of(err), test.class)
			}
			if errors.Is(err, mail.ErrUncertain) != test.uncertain {
				t.Errorf("uncertain: %v, want %v: %v", !test.uncertain, test.uncertain, err)
			}
			if wait := failure.RetryAfter(err); wait != test.wait {
				t.Errorf("retry after %v, want %v: %v", wait, test.wait, err)
			}
		})
	}
}

func TestConnectionThatCannotBeResetIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	address, ended := scripted(t, map[string]string{"RCPT": "550 5.1.1 no such user", "RSET": "500 what"})
	c := mail.NewClient(mail.Config{Address: address, TLS: mail.TLSNone, From: sender})
	defer c.Close()
	if err := c.Send(t.Context(), message("a")); failure.Of(err) != failure.Data {
		t.Errorf("send: %v, want an error of class data", err)
	}
	within(t, ended)
}

func TestConnectionThatCannotBeUsedIsClosed(t *testing.T) {
	t.Parallel()
	address, ended := scripted(t, nil)
	c := mail.NewClient(mail.Config{Address: address, From: sender}) // the server offers no STARTTLS
	if err := c.Send(t.Context(), message("a")); failure.Of(err) != failure.Data {
		t.Errorf("send: %v, want an error of class data", err)
	}
	within(t, ended)
}

// within waits for the end of a connection.
func within(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection stays open")
	}
}

func TestAnswerIsPrintable(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, map[string]string{"RCPT": "550 \x1b[31m" + strings.Repeat("long ", 1000) + "\xff"})
	c := mail.NewClient(mail.Config{Address: address, TLS: mail.TLSNone, From: sender})
	defer c.Close()
	err := c.Send(t.Context(), message("a"))
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || !utf8.ValidString(err.Error()) || len(err.Error()) > 600 {
		t.Errorf("error: %q", err)
	}
}

func TestAddressInOtherLettersNeedsTheServersConsent(t *testing.T) {
	t.Parallel()
	address, _ := scripted(t, nil)
	c := mail.NewClient(mail.Config{Address: address, TLS: mail.TLSNone, From: sender})
	defer c.Close()
	m := message("a")
	m.To = "jürgen@example.org"
	if err := c.Send(t.Context(), m); failure.Of(err) != failure.Data || err == nil {
		t.Errorf("send: %v, want an error of class data", err)
	}
}
