// Errors of sending, and their classes.

package mail

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"bursar/internal/failure"
	"bursar/internal/vault"
)

// ErrUncertain is in the chain of an error if it is unknown whether the server has accepted the message. SMTP cannot tell later: only
// the mailbox can, by the Message-ID.
var ErrUncertain = errors.New("it is unknown whether the server has accepted the message")

// uncertainError is an error after the end of the message was sent.
type uncertainError struct{ cause error }

func (e *uncertainError) Error() string        { return e.cause.Error() + ": " + ErrUncertain.Error() }
func (e *uncertainError) Unwrap() []error      { return []error{ErrUncertain, e.cause} }
func (e *uncertainError) Class() failure.Class { return failure.Transient }

// staleError is an error of a connection that the server has closed since it was last used. Nothing of the message was sent.
type staleError struct{ error }

func (e *staleError) Unwrap() error { return e.error }

func isStale(err error) bool {
	var stale *staleError
	return errors.As(err, &stale)
}

// Codes of answers.
const (
	closing      = 421 // the server closes the connection
	authRequired = 530
	authFailed   = 535
)

// refusal is an answer of the server that refuses something.
type refusal struct {
	step string
	code int // 0: the server cannot do what the message needs
	text string
}

func (r *refusal) Error() string {
	text := r.step + ": "
	if r.code != 0 {
		text += strconv.Itoa(r.code) + " "
	}
	text += r.text
	if r.code == authRequired || r.code == authFailed {
		text += "; check user and password of mail in bursar.yaml"
	}
	return text
}

// Class follows from the code: 4xx may pass, all else does not.
func (r *refusal) Class() failure.Class {
	switch {
	case r.code/100 != 4:
		return failure.Data
	case tooMany.MatchString(r.text):
		return failure.Throttled
	}
	return failure.Transient
}

// RetryAfter is how long the server asks to wait, or 0.
func (r *refusal) RetryAfter() time.Duration {
	found := waitFor.FindStringSubmatch(r.text)
	if found == nil || r.Class() != failure.Throttled {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return 0
	}
	unit := time.Second
	if strings.HasPrefix(strings.ToLower(found[2]), "m") {
		unit = time.Minute
	}
	return min(time.Duration(n)*unit, longestWait)
}

// longestWait bounds what is believed of a server that asks to wait.
const longestWait = time.Hour

// tooMany recognises 4xx answers that ask for fewer messages: enhanced codes 4.7.x are decisions of a policy, and servers that send
// none say it in words. Greylisting is one of them: a quick retry is refused again.
var tooMany = regexp.MustCompile(
	`(?i)^4\.7\.\d+\b|too (many|much|fast|often|busy)|\brate\b|throttl|limit|slow down|gr[ae]y-?list`)

var waitFor = regexp.MustCompile(`(?i)\b(\d{1,5}) ?(seconds?|secs?|s|minutes?|mins?|m)\b`)

func isRefusal(code int) bool { return code/100 == 4 || code/100 == 5 }

// answer makes an error of a step out of an answer of the server, or of a broken connection.
func answer(step string, err error) error {
	var said *textproto.Error
	if errors.As(err, &said) && isRefusal(said.Code) {
		return &refusal{step: step, code: said.Code, text: printable(said.Msg)}
	}
	return failure.Wrap(failure.Transient, fmt.Errorf("%s: %w", step, err))
}

// goneBefore reports whether an error at the first command means that the server had closed the connection.
func goneBefore(err error) bool {
	var refused *refusal
	return !errors.As(err, &refused) || refused.code == closing
}

// isWithoutTLS reports whether the server does not offer the encryption that the configuration requires. The library has no value for it.
func isWithoutTLS(err error) bool { return strings.Contains(err.Error(), "does not support STARTTLS") }

// isMismatch reports whether the server offers no way to log in that the configuration allows.
func isMismatch(err error) bool {
	return errors.Is(err, gomail.ErrNoSupportedAuthDiscovered) || errors.Is(err, smtp.ErrUnencrypted) ||
		strings.Contains(err.Error(), "does not support SMTP AUTH") // the library has no value for it
}

// ended adds the context's cause if the context has ended, because the connection is closed then, and says only that.
func ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	var refused *refusal
	if errors.As(err, &refused) {
		return err // the server has said it in time
	}
	if errors.Is(err, ErrUncertain) {
		return &uncertainError{context.Cause(ctx)}
	}
	return failure.Wrap(failure.Transient, context.Cause(ctx))
}

// longestText bounds the text of an answer in an error.
const longestText = 300

// printable makes a server's text fit for one line of an error.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	if runes := []rune(text); len(runes) > longestText {
		text = string(runes[:longestText]) + "…"
	}
	return text
}

// withoutSecret removes the password from the text of an answer, which a server may repeat (rule 8).
func withoutSecret(err error, password vault.Secret) error {
	var refused *refusal
	if secret := password.Reveal(); secret != "" && errors.As(err, &refused) {
		refused.text = strings.ReplaceAll(refused.text, secret, "[secret]")
	}
	return err
}
