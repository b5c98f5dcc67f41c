// One connection to an SMTP server: sending a message up to the server's answer.

package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// quitTime is how long a server may take to answer when it is reported that a connection ends.
const quitTime = time.Second

// connection is a connection on which messages can be sent. They are sent with the library's commands one by one, because its own Send
// hides which of them failed, and ends a message that broke off as if it were complete.
type connection struct {
	network net.Conn // under the encryption
	smtp    *smtp.Client
	expiry  *time.Timer // of an idle connection
	used    bool        // a message was sent on it before
}

// send sends a message. The connection can be used for another one if it is reusable, also after a message that the server refused.
func (c *connection) send(ctx context.Context, l *letter) (reusable bool, err error) {
	stop := context.AfterFunc(ctx, c.abort)
	defer func() { reusable = stop() && reusable }()
	used := c.used
	c.used = true
	if err := c.begin(l, used); err != nil {
		return c.recover(err), ended(ctx, err)
	}
	if err := c.data(l); err != nil {
		return c.recover(err), ended(ctx, err)
	}
	return true, nil
}

// begin announces the sender and the recipients. The server refuses all of them or none.
func (c *connection) begin(l *letter, used bool) error {
	if ok, _ := c.smtp.Extension("SMTPUTF8"); l.utf8 && !ok {
		return &refusal{step: "check addresses", text: "the server takes addresses in ASCII only"}
	}
	c.smtp.SkipSMTPUTF8(!l.utf8)
	if err := c.smtp.Mail("<" + l.from + ">"); err != nil {
		err = answer("give the sender", err)
		if used && goneBefore(err) {
			return &staleError{err}
		}
		return err
	}
	for i, to := range l.to {
		if err := c.smtp.Rcpt("<" + to + ">"); err != nil {
			return answer(fmt.Sprintf("give recipient %d of %d", i+1, len(l.to)), err)
		}
	}
	return nil
}

// data sends the text, and reads whether the server has accepted it. It is unknown only from the moment on when the last byte of the
// message, which ends it for the server, was passed to the network, until the answer has come.
func (c *connection) data(l *letter) error {
	w, err := c.smtp.Data()
	if err != nil {
		return answer("start the data", err)
	}
	data, ok := w.(*smtp.DataCloser)
	if !ok {
		return fmt.Errorf("start the data: the library returned a %T", w)
	}
	if _, err := data.Write(l.text); err != nil {
		return answer("send the data", err)
	}
	// Only the writer inside says whether the end of the message was sent: the outer Close leaves that error out.
	if err := data.WriteCloser.Close(); err != nil {
		return answer("send the data", err)
	}
	const accepted = 2 // any answer from 200 to 299
	if _, _, err := c.smtp.Text.ReadResponse(accepted); err != nil {
		return verdict(err)
	}
	return nil
}

// verdict is the error of the answer after the data: 4xx and 5xx refuse the message, anything else leaves open what became of it.
func verdict(err error) error {
	const step = "read the answer to the data"
	var said *textproto.Error
	if errors.As(err, &said) && isRefusal(said.Code) {
		return answer(step, err)
	}
	return &uncertainError{fmt.Errorf("%s: %w", step, err)}
}

// recover reports whether the connection can be used after an error, and prepares it for that.
func (c *connection) recover(err error) bool {
	var refused *refusal
	if !errors.As(err, &refused) || refused.code == closing {
		return false
	}
	return c.smtp.Reset() == nil
}

// abort closes the connection at once. The library's ways to close it would first end a message that broke off, as if it were complete.
func (c *connection) abort() {
	_ = c.network.Close() // nothing is lost with it
}

// quit takes leave of the server and closes the connection.
func (c *connection) quit() {
	if c.network.SetDeadline(time.Now().Add(quitTime)) == nil {
		_ = c.smtp.Quit() // the server may be gone
	}
	c.abort()
}
