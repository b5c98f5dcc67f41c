// Tests of the moment from which on it is unknown whether a message was accepted.

package mail

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"bursar/internal/failure"
)

// brittle is a connection with prepared answers, which breaks at a write that contains a text.
type brittle struct {
	answers io.Reader
	breaks  string
	written bytes.Buffer
}

func (b *brittle) Read(p []byte) (int, error) { return b.answers.Read(p) }

func (b *brittle) Write(p []byte) (int, error) {
	if b.breaks != "" && bytes.Contains(p, []byte(b.breaks)) {
		return len(p) - 1, errors.New("the network is down")
	}
	return b.written.Write(p)
}

func (b *brittle) Close() error                     { return nil }
func (b *brittle) LocalAddr() net.Addr              { return nil }
func (b *brittle) RemoteAddr() net.Addr             { return nil }
func (b *brittle) SetDeadline(time.Time) error      { return nil }
func (b *brittle) SetReadDeadline(time.Time) error  { return nil }
func (b *brittle) SetWriteDeadline(time.Time) error { return nil }

func TestUncertainFromTheLastByteOn(t *testing.T) {
	t.Parallel()
	const upToData = "220 ready\r\n250 localhost\r\n250 ok\r\n250 ok\r\n354 go on\r\n"
	for name, test := range map[string]struct {
		answers, breaks string
		uncertain       bool
	}{
		"the sender is not sent":    {answers: upToData, breaks: "MAIL"},
		"the recipient is not sent": {answers: upToData, breaks: "RCPT"},
		"the command is not sent":   {answers: upToData, breaks: "DATA"},
		"the text is not sent":      {answers: upToData, breaks: "Subject"},
		"the end is not sent":       {answers: upToData, breaks: "\r\n.\r\n"},
		"no answer comes":           {answers: upToData, uncertain: true},
		"half an answer comes":      {answers: upToData + "25", uncertain: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := &brittle{answers: strings.NewReader(test.answers), breaks: test.breaks}
			client, err := smtp.NewClient(network, "localhost")
			if err != nil {
				t.Fatal(err)
			}
			l := &letter{from: "a@example.com", to: []string{"b@example.com"}, text: []byte("Subject: x\r\n\r\n" + strings.Repeat("text\r\n", 2000))}
			reusable, err := (&connection{network: network, smtp: client}).send(t.Context(), l)
			if err == nil || reusable || failure.Of(err) != failure.Transient {
				t.Errorf("send: %v, reusable: %v, want a transient error of a broken connection", err, reusable)
			}
			if errors.Is(err, ErrUncertain) != test.uncertain {
				t.Errorf("uncertain: %v, want %v: %v", !test.uncertain, test.uncertain, err)
			}
			if whole := strings.HasSuffix(network.written.String(), "\r\n.\r\n"); whole != test.uncertain {
				t.Errorf("the end was written: %v, want %v", whole, test.uncertain)
			}
		})
	}
}
