// What is sent: checking a message, and writing it out.

package mail

import (
	"bytes"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// Message is a message. To, CC and ReplyTo are addresses separated by commas, as in: Jane Doe <jane@example.com>, joe@example.com.
type Message struct {
	ID      string // the idempotency key: letters, digits, - _ and .
	From    string // empty: the configured one
	To      string
	CC      string
	ReplyTo string
	Subject string // control characters in it, line ends included, become spaces
	Text    string // at least one of Text and HTML
	HTML    string
}

// Domain is the right side of every Message-ID. It does not follow from the sender's address, so that a message that was sent before
// the configuration changed is still found.
const Domain = "bursar"

// MessageID returns the Message-ID of the message with this id, without angle brackets.
func MessageID(id string) string { return id + "@" + Domain }

var validID = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Limits of a message.
const (
	longestID      = 200
	mostRecipients = 100 // what every server must take, by RFC 5321
	longestAddress = 254
)

// letter is a message that is written out.
type letter struct {
	from string
	to   []string // CC included
	utf8 bool     // an address is not in ASCII
	text []byte
}

func (c *Client) compose(m Message) (*letter, error) {
	if len(m.ID) > longestID || !validID.MatchString(m.ID) {
		return nil, fmt.Errorf("the id is not made of at most %d letters, digits, hyphens, underscores and single dots", longestID)
	}
	if m.Text == "" && m.HTML == "" {
		return nil, errors.New("it has neither text nor html")
	}
	if m.From == "" {
		m.From = c.config.From
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	l := &letter{}
	if err := l.address(msg, m); err != nil {
		return nil, err
	}
	msg.SetMessageIDWithValue(MessageID(m.ID))
	msg.Subject(oneLine(m.Subject))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no replies of absent people
	switch {
	case m.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	case m.HTML == "":
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var text bytes.Buffer
	if _, err := msg.WriteTo(&text); err != nil {
		return nil, fmt.Errorf("write it out: %w", err)
	}
	l.text = text.Bytes()
	return l, nil
}

// address sets the addresses of the headers and of the envelope.
func (l *letter) address(msg *gomail.Msg, m Message) error {
	fields := []struct {
		name, text string
		required   bool
		set        func(...*netmail.Address)
		recipients bool
	}{
		{"from", m.From, true, func(a ...*netmail.Address) { msg.FromMailAddress(a[0]); l.from = a[0].Address }, false},
		{"to", m.To, true, msg.ToMailAddress, true},
		{"cc", m.CC, false, msg.CcMailAddress, true},
		{"reply_to", m.ReplyTo, false, msg.ReplyToMailAddress, false},
	}
	for _, f := range fields {
		list, err := addresses(f.text)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		switch {
		case len(list) == 0 && f.required:
			return fmt.Errorf("%s contains no address", f.name)
		case len(list) == 0:
			continue
		case f.name == "from" && len(list) > 1:
			return fmt.Errorf("from contains %d addresses", len(list))
		}
		f.set(list...)
		l.note(list, f.recipients)
	}
	if len(l.to) > mostRecipients {
		return fmt.Errorf("it has %d recipients, more than %d; send several messages", len(l.to), mostRecipients)
	}
	return nil
}

// note keeps what the envelope needs of addresses. A recipient that is named twice gets one message.
func (l *letter) note(list []*netmail.Address, recipients bool) {
	for _, a := range list {
		l.utf8 = l.utf8 || strings.ContainsFunc(a.Address, func(r rune) bool { return r > unicode.MaxASCII })
		if recipients && !slices.Contains(l.to, a.Address) {
			l.to = append(l.to, a.Address)
		}
	}
}

// validAddress is stricter than RFC 5321: without quoted local parts, an address contains nothing that means something in a command.
var validAddress = regexp.MustCompile(`^[^\s<>()\[\]\\,;:@"\pC]+@[\pL\pN](?:[\pL\pN.-]*[\pL\pN])?$`)

// IsAddress reports whether a text is one address alone, to which a message can be sent.
func IsAddress(text string) bool {
	return len(text) <= longestAddress && validAddress.MatchString(text)
}

// addresses parses a list of addresses, which may be empty.
func addresses(text string) ([]*netmail.Address, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, fmt.Errorf("%q contains control characters", text)
	}
	list, err := netmail.ParseAddressList(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a list of addresses: %w", text, err)
	}
	for _, a := range list {
		if !IsAddress(a.Address) {
			return nil, fmt.Errorf("%q is not a valid address", a.Address)
		}
		if strings.ContainsFunc(a.Name, unicode.IsControl) { // an encoded one
			return nil, fmt.Errorf("the name of %q contains control characters", a.Address)
		}
	}
	return list, nil
}

// oneLine returns text with control characters replaced, so that a line end in data neither begins a header nor stops the message.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�")))
}
