// What the status codes of responses mean.

package ofx

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	format "bursar/internal/aggregate/format/ofx"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

// Codes of the format. Those that are not here fail for good.
const (
	generalError        = "2000"
	generalAccountError = "2002"
	invalidAccount      = "2001"
	accountNotFound     = "2003"
	accountClosed       = "2004"
	challengeRequired   = "3000"
	challengeFailed     = "3001"
	unknownInstitution  = "13504"
	changePassword      = "15000"
	signOnInvalid       = "15500"
	alreadySignedOn     = "15501"
	lockedOut           = "15502"
	unknownClient       = "15510"
	contactBank         = "15511"
	tokenRequired       = "15512"
	tokenInvalid        = "15513"
)

// forPeople are the reasons of codes that a person must act on.
var forPeople = map[string]string{ //nolint:gosec // reasons, not credentials
	changePassword: "the bank asks for a new password; change it at the bank, then here",
	signOnInvalid:  "wrong user or password",
	lockedOut:      "the user is locked out after too many attempts; call the bank",
	unknownClient:  "the bank does not know this client; register the setting client_uid at the bank",
	contactBank:    "the bank asks the user to call it",
}

// questions are those of codes that ask for a one-time password.
var questions = map[string]string{
	tokenRequired: "the one-time password (AUTHTOKEN) of the bank",
	tokenInvalid:  "the bank did not accept the one-time password (AUTHTOKEN); a new one",
}

// failureOf returns the error of a response: that of the sign-on before those of requests.
func (s *session) failureOf(r *format.Response, account string) error {
	for _, status := range append([]format.Status{r.SignOn}, r.Requests...) {
		if err := s.errorOf(status, account); err != nil {
			return err
		}
	}
	return nil
}

// errorOf returns the error of a status, or nil for a success. Of those that are no errors for the bank, only one stops a session.
func (s *session) errorOf(status format.Status, account string) error {
	code := strings.TrimLeft(status.Code, "0")
	failed := strings.EqualFold(status.Severity, "ERROR") || status.Severity == "" && code != "" || code == changePassword
	if !failed {
		return nil
	}
	const maxMessage, maxWord = 200, 10
	message := connector.Clean(s.requester.Hide(status.Message), maxMessage)
	short := func(word string) string { return connector.Clean(s.requester.Hide(word), maxWord) }
	text := fmt.Errorf("the bank answers with code %s, severity %s: %s", short(status.Code), short(status.Severity), message)
	if reason, ok := forPeople[code]; ok {
		if message != "" {
			reason += " (" + message + ")"
		}
		return &connector.CredentialsError{Reason: fmt.Sprintf("%s; code %s", reason, code)}
	}
	if question, ok := questions[code]; ok {
		return &connector.QuestionError{Question: question}
	}
	switch code {
	case generalError, generalAccountError, alreadySignedOn:
		return failure.Wrap(failure.Transient, text)
	case invalidAccount, accountNotFound, accountClosed:
		return &connector.UnknownAccountError{Account: account}
	case unknownInstitution:
		return failure.Wrap(failure.Data, fmt.Errorf("%w; correct the settings org and fid", text))
	}
	return failure.Wrap(failure.Data, text)
}

func hasChallenge(r *format.Response) bool {
	for _, status := range append([]format.Status{r.SignOn}, r.Requests...) {
		if status.Code == challengeRequired || status.Code == challengeFailed {
			return true
		}
	}
	return false
}

// answerChallenges asks for the bank's questions. The answer to those of an earlier session is used for the next request; without one, and if the
// bank did not accept it, they are returned as a *connector.QuestionError.
func (s *session) answerChallenges(ctx context.Context) error {
	tried := len(s.signOn.challenges) > 0
	s.signOn.token, s.signOn.challenges = vault.Secret{}, nil
	messages := s.writer.transaction("MFACHALLENGETRNRQ",
		aggregate("MFACHALLENGERQ", s.writer.value("DTCLIENT", time.Now().UTC().Format(second))))
	_, response, err := s.sendSignOn(ctx, messages)
	if err != nil {
		return err
	}
	if len(response.Challenges) == 0 {
		if err := s.failureOf(response, ""); err != nil {
			return err
		}
		return failure.Wrap(failure.Data, fmt.Errorf("the bank asks for further proof of identity (code %s), but names no question", challengeRequired))
	}
	if s.signOn.answer.Reveal() == "" || tried {
		return &connector.QuestionError{Question: questionOf(response.Challenges)}
	}
	s.signOn.challenges = response.Challenges
	return nil
}

// questionOf joins the bank's questions.
func questionOf(challenges []format.Challenge) string {
	const maxLabel = 200
	var labels []string
	for _, c := range challenges {
		label := connector.Clean(c.Label, maxLabel)
		if label == "" {
			label = connector.Clean(c.ID, maxLabel)
		}
		labels = append(labels, label)
	}
	if len(labels) > 1 {
		return strings.Join(labels, " ") + " (separate the answers by semicolons)"
	}
	return labels[0]
}
