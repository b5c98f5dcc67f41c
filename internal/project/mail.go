// The SMTP server of bursar.yaml, through which email tasks send.

package project

import (
	"cmp"
	"net"
	"net/mail"
	"net/url"
	"strings"

	"bursar/internal/project/doc"
)

// MessageID is what stands for the id of a message in Mail.Sent.
const MessageID = "{id}"

// maxMailConnections is the most connections of a process to a mail server: servers refuse too many from one machine.
const maxMailConnections = 100

// readMail reads the mail server; the zero value is none.
func readMail(o doc.Section) Mail {
	s := o.Sub("mail", "address", "user", "password", "tls", "from", "sent", "connections")
	if !o.Has("mail") {
		return Mail{}
	}
	s.Require("address", "from")
	m := Mail{Address: s.Text("address"), User: s.Text("user"), Password: s.Text("password"), From: s.Text("from"), Sent: s.Text("sent")}
	for _, key := range s.Keys {
		if key != "tls" && key != "connections" {
			checkReference(s, key, s.Values[key].Value)
		}
	}
	m.TLS = cmp.Or(s.OneOf("tls", MailTLSRequired, MailTLSImplicit, MailTLSNone), MailTLSRequired)
	m.Connections = int(s.Number("connections", 0, 1, maxMailConnections))
	m.checkAddress(s)
	if m.From != "" && !IsReference(m.From) {
		if _, err := mail.ParseAddress(m.From); err != nil {
			s.Fail("from", "is %s, which is not an address: write it as in billing@example.com or \"Example Ltd <billing@example.com>\"", doc.Brief(m.From))
		}
	}
	checkSent(s, m.Sent)
	return m
}

// checkAddress reports an address without a port, and logging in with half of what it needs or where others can read it.
func (m *Mail) checkAddress(s doc.Section) {
	host, port, err := net.SplitHostPort(m.Address)
	known := m.Address != "" && !IsReference(m.Address)
	if known && (err != nil || host == "" || port == "") {
		s.Fail("address", "must be host:port, such as smtp.example.com:587, not %s", doc.Brief(m.Address))
	}
	for key, other := range map[string]string{"user": "password", "password": "user"} {
		if s.Has(key) && !s.Has(other) && !s.Misspelt[other] {
			s.Fail(key, "needs %s, too", doc.Brief(other))
		}
	}
	if known && m.TLS == MailTLSNone && !isLoopback(host) {
		s.Fail("tls", "is none, but %s is another machine: everybody on the way could read the messages; use starttls or implicit", doc.Brief(host))
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkSent reports a URL that cannot find a message.
func checkSent(s doc.Section, text string) {
	if text == "" || IsReference(text) {
		return
	}
	u, err := url.Parse(strings.ReplaceAll(text, MessageID, "id"))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		s.Fail("sent", "must be a URL that begins with http:// or https://")
	case !strings.Contains(text, MessageID):
		s.Fail("sent", "must contain %s, which stands for the id of the message to find: as in https://mail.example.com/search?query=%[1]s", MessageID)
	}
}
