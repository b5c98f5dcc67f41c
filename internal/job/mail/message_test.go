// Tests of what is sent.

package mail_test

import (
	"bytes"
	"io"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/job/mail"
	"bursar/internal/job/mail/mailtest"
)

// received sends a message and returns it as the server got it.
func received(t *testing.T, m mail.Message) (mailtest.Message, *netmail.Message) {
	t.Helper()
	s := mailtest.New(t, mailtest.Options{Raw: true})
	if err := plain(t, s, 1).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if s.Len() != 1 {
		t.Fatalf("%d messages were received, want 1", s.Len())
	}
	got := s.Messages()[0]
	parsed, err := netmail.ReadMessage(bytes.NewReader(got.Raw))
	if err != nil {
		t.Fatal(err)
	}
	return got, parsed
}

func TestMessageAsReceived(t *testing.T) {
	t.Parallel()
	got, parsed := received(t, mail.Message{
		ID: "00ff", To: "Jane Doe <jane@example.org>, joe@example.org", CC: "jane@example.org, Zoë <zoe@example.org>", ReplyTo: "help@example.com",
		Subject: "Účet\r\nč. 7", Text: "plain\n.\nend", HTML: "<p>rich</p>",
	})
	for name, want := range map[string]string{
		"Message-Id":     "<00ff@bursar>",
		"From":           `"Example Ltd" <billing@example.com>`,
		"To":             `"Jane Doe" <jane@example.org>, <joe@example.org>`,
		"Reply-To":       "<help@example.com>",
		"Auto-Submitted": "auto-generated",
		"Subject":        "Účet  č. 7",
		"Cc":             "<jane@example.org>, Zoë <zoe@example.org>",
	} {
		have, err := new(mime.WordDecoder).DecodeHeader(strings.Join(parsed.Header[name], "|"))
		if err != nil || have != want {
			t.Errorf("%s: %q (%v), want %q", name, have, err, want)
		}
	}
	if date, err := parsed.Header.Date(); err != nil || date.IsZero() {
		t.Errorf("Date: %v", err)
	}
	if got.From != "billing@example.com" || strings.Join(got.To, " ") != "jane@example.org joe@example.org zoe@example.org" {
		t.Errorf("the envelope is from %s to %v", got.From, got.To)
	}
	body, err := io.ReadAll(parsed.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"plain\r\n.\r\nend", "<p>rich</p>", "text/plain", "text/html"} {
		if !bytes.Contains(body, []byte(part)) {
			t.Errorf("the body does not contain %q:\n%s", part, body)
		}
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mail.Message){
		"no recipient":           func(m *mail.Message) { m.To = " " },
		"a name only":            func(m *mail.Message) { m.To = "jane" },
		"a header in to":         func(m *mail.Message) { m.To = "jane@example.org\r\nBcc: mallory@example.net" },
		"a line end in to":       func(m *mail.Message) { m.To = "jane@example.org\n" },
		"a command in to":        func(m *mail.Message) { m.To = `"a> SIZE=1 <b"@example.org` },
		"a quoted local part":    func(m *mail.Message) { m.To = `"a b"@example.org` },
		"a hidden line end":      func(m *mail.Message) { m.To = "=?utf-8?q?a=0D=0ABcc:_mallory@example.net?= <jane@example.org>" },
		"an empty domain":        func(m *mail.Message) { m.To = "jane@" },
		"an address literal":     func(m *mail.Message) { m.To = "jane@[127.0.0.1]" },
		"too long an address":    func(m *mail.Message) { m.To = strings.Repeat("a", 300) + "@example.org" },
		"a zero byte":            func(m *mail.Message) { m.To = "jane\x00@example.org" },
		"two senders":            func(m *mail.Message) { m.From = "a@example.com, b@example.com" },
		"a header in from":       func(m *mail.Message) { m.From = "a@example.com\r\nX: y" },
		"a header in cc":         func(m *mail.Message) { m.CC = "a@example.com\nX: y" },
		"a header in reply_to":   func(m *mail.Message) { m.ReplyTo = "a@example.com\rX: y" },
		"not even a reply_to":    func(m *mail.Message) { m.ReplyTo = "nobody" },
		"neither text nor html":  func(m *mail.Message) { m.Text = "" },
		"no id":                  func(m *mail.Message) { m.ID = "" },
		"a header in the id":     func(m *mail.Message) { m.ID = "a\r\nX: y" },
		"brackets in the id":     func(m *mail.Message) { m.ID = "a>" },
		"an @ in the id":         func(m *mail.Message) { m.ID = "a@b" },
		"too long an id":         func(m *mail.Message) { m.ID = strings.Repeat("a", 201) },
		"more recipients than":   func(m *mail.Message) { m.To = many(101) },
		"no sender at all":       func(m *mail.Message) { m.From = "<>" },
		"a group of recipients":  func(m *mail.Message) { m.To = "friends: ;" },
		"a domain with a hyphen": func(m *mail.Message) { m.To = "jane@-" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.New(t, mailtest.Options{})
			m := message("a")
			change(&m)
			err := plain(t, s, 1).Send(t.Context(), m)
			if err == nil || failure.Of(err) != failure.Data || s.Connections() != 0 {
				t.Errorf("send: %v, %d connections, want an error of class data without a connection", err, s.Connections())
			}
		})
	}
}

// many returns a list of different addresses.
func many(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = strings.Repeat("a", i+1) + "@example.org"
	}
	return strings.Join(list, ",")
}

func TestMostRecipients(t *testing.T) {
	t.Parallel()
	m := message("a")
	m.To = many(100)
	if got, _ := received(t, m); len(got.To) != 100 {
		t.Errorf("%d recipients, want 100", len(got.To))
	}
}

// FuzzNoTextBecomesAHeader sends messages whose texts are arbitrary, and reads what the server received.
func FuzzNoTextBecomesAHeader(f *testing.F) {
	s := mailtest.New(f, mailtest.Options{Raw: true})
	c := plain(f, s, 1)
	f.Add("Invoice 7", "jane@example.org", "text")
	f.Add("a\r\nX-Injected: yes", "=?utf-8?q?a=0D=0AX-Injected:_b?= <a@b.c>", "text\r\n.\r\nMAIL FROM:<mallory@example.net>")
	f.Add("\r\n\r\nbody", `"a\r\nX-Injected: b" <a@b.c>`, ".\n..\n")
	f.Add(strings.Repeat("ž", 400)+"\nX-Injected: yes", "ž@ž.ž, b@c.d", "\r\r\n\n.\r\n")
	f.Fuzz(func(t *testing.T, subject, to, text string) {
		s.Clear()
		err := c.Send(t.Context(), mail.Message{ID: "fuzz", To: to, Subject: subject, Text: "x" + text})
		if err != nil {
			if class := failure.Of(err); class != failure.Data || s.Len() != 0 {
				t.Fatalf("%d messages are stored, and the error has class %v: %v", s.Len(), class, err)
			}
			return
		}
		if s.Len() != 1 {
			t.Fatalf("%d messages were received, want 1", s.Len())
		}
		parsed, err := netmail.ReadMessage(bytes.NewReader(s.Messages()[0].Raw))
		if err != nil {
			t.Fatal(err)
		}
		known := " Auto-Submitted Content-Transfer-Encoding Content-Type Date From Message-Id Mime-Version Received Subject To "
		for name, values := range parsed.Header {
			if !strings.Contains(known, " "+name+" ") || len(values) != 1 {
				t.Errorf("header %s: %q", name, values)
			}
		}
	})
}
