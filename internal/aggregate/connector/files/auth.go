// How a user proves who it is to an SFTP server: a key, a password, and answers to what the server asks.

package files

import (
	"errors"

	"bursar/internal/aggregate/connector"

	"golang.org/x/crypto/ssh"
)

// maxQuestion bounds a question, in bytes.
const maxQuestion = 300

var errUnanswered = errors.New("the server asks what is not known")

// proof is what a user proves itself by during one connection. The password is sent once: servers count wrong ones.
type proof struct {
	password string
	answer   string // to the question of the last visit
	isSent   bool   // the password
	isProven bool   // something was accepted already, so that a question is not one for the password again
	question string // that has no answer
}

// setCredentials sets how the user proves itself.
func (t *target) setCredentials(l *connector.Login) error {
	for name := range l.Credentials {
		switch name {
		case "user", "password", "private_key", "passphrase":
		default:
			return badf("there is no credential %s; those of SFTP servers are user, password, private_key and passphrase", name)
		}
	}
	t.config.User = l.Credentials["user"].Reveal()
	p, key := &proof{password: l.Credentials["password"].Reveal(), answer: l.Answer.Reveal()}, l.Credentials["private_key"].Reveal()
	t.proof, p.isSent = p, p.password == ""
	if t.config.User == "" || p.password == "" && key == "" {
		return badf("an SFTP server needs the credentials user, and password or private_key")
	}
	if key != "" {
		signer, err := parseKey(key, l.Credentials["passphrase"].Reveal())
		if err != nil {
			return err
		}
		t.config.Auth = append(t.config.Auth, ssh.PublicKeys(signer))
	}
	if p.password != "" {
		t.config.Auth = append(t.config.Auth, ssh.PasswordCallback(func() (string, error) {
			p.isSent = true
			return p.password, nil
		}))
	}
	t.config.Auth = append(t.config.Auth, ssh.KeyboardInteractive(p.answerAll))
	t.config.AuthCallback = func(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
		p.isProven = len(c.PartialSuccessMethods) > 0
		return nil, nil //nolint:nilnil // the methods above are used in their order
	}
	return nil
}

// answerAll answers the questions of a dialogue: the first one whose answer is not shown asks for the password, unless that was sent.
func (p *proof) answerAll(_, _ string, questions []string, isShown []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i, question := range questions {
		switch {
		case !p.isSent && !isShown[i]:
			answers[i] = p.password
			p.isSent, p.isProven = true, true
		case !p.isProven: // the password was rejected
			return nil, errUnanswered
		case p.answer == "":
			p.question = question[:min(len(question), maxQuestion)]
			return nil, errUnanswered
		default:
			answers[i], p.answer = p.answer, ""
		}
	}
	return answers, nil
}

// parseKey returns a private key. The causes of errors are left out, as they are those of a secret.
func parseKey(key, passphrase string) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey([]byte(key))
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) {
		if passphrase == "" {
			return nil, badf("credential private_key: it is encrypted; set the credential passphrase")
		}
		if signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase)); err != nil {
			return nil, badf("credential passphrase: it does not open private_key")
		}
	}
	if err != nil {
		return nil, badf("credential private_key: it is not a private key in PEM or OpenSSH's form")
	}
	return signer, nil
}
