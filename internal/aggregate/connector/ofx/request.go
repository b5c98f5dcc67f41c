// Writes requests in both syntaxes of the format.

package ofx

import (
	"crypto/rand"
	"strings"
	"time"
	"unicode"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	format "bursar/internal/aggregate/format/ofx"
	"bursar/internal/vault"
)

// versions are those of the format that exist. From 200 on it is XML.
var versions = []string{"102", "103", "151", "160", "200", "201", "202", "203", "210", "211", "220"}

const (
	second = "20060102150405"
	day    = "20060102"
)

// writer writes elements. In SGML, values have no end tag: some servers accept no other form.
type writer struct {
	version string
	sgml    bool
}

// value writes an element with a value, or nothing if the value is empty. Line breaks and other control characters cannot be sent.
func (w *writer) value(name, value string) string {
	value = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, value)
	switch {
	case value == "":
		return ""
	case w.sgml:
		return "<" + name + ">" + web.EscapeText(value) + "\r\n"
	}
	return "<" + name + ">" + web.EscapeText(value) + "</" + name + ">"
}

// aggregate writes an element with elements.
func aggregate(name string, elements ...string) string {
	return "<" + name + ">" + strings.Join(elements, "") + "</" + name + ">"
}

// document writes a complete request.
func (w *writer) document(messages string) string {
	content := aggregate("OFX", messages)
	if !w.sgml {
		return "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n" +
			`<?OFX OFXHEADER="200" VERSION="` + w.version + "\" SECURITY=\"NONE\" OLDFILEUID=\"NONE\" NEWFILEUID=\"NONE\"?>\r\n" + content
	}
	encoding := "USASCII\r\nCHARSET:1252"
	if strings.IndexFunc(content, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		encoding = "UNICODE\r\nCHARSET:NONE"
	}
	return "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:" + w.version + "\r\nSECURITY:NONE\r\nENCODING:" + encoding +
		"\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n" + content
}

// transaction wraps a request in an id of its own: banks may refuse one that they have seen.
func (w *writer) transaction(name string, elements ...string) string {
	return aggregate(name, append([]string{w.value("TRNUID", rand.Text())}, elements...)...)
}

// accountList asks for all accounts of the user.
func (w *writer) accountList() string {
	return aggregate("SIGNUPMSGSRQV1", w.transaction("ACCTINFOTRNRQ", aggregate("ACCTINFORQ", w.value("DTACCTUP", "19900101"))))
}

// statement asks for the entries of a window. Its last day counts as a whole, and is left out if it is open.
func (w *writer) statement(a *account, of connector.Window, open bool) string {
	until := ""
	if !open {
		until = w.value("DTEND", of.To.AddDate(0, 0, 1).Add(-time.Second).Format(second))
	}
	entries := aggregate("INCTRAN", w.value("DTSTART", of.From.Format(day)), until, w.value("INCLUDE", "Y"))
	if a.kind == card {
		from := aggregate("CCACCTFROM", w.value("ACCTID", a.number))
		return aggregate("CREDITCARDMSGSRQV1", w.transaction("CCSTMTTRNRQ", aggregate("CCSTMTRQ", from, entries)))
	}
	from := aggregate("BANKACCTFROM", w.value("BANKID", a.bank), w.value("ACCTID", a.number), w.value("ACCTTYPE", strings.ToUpper(a.kind)))
	return aggregate("BANKMSGSRQV1", w.transaction("STMTTRNRQ", aggregate("STMTRQ", from, entries)))
}

// signOn is what every request signs on with.
type signOn struct {
	user, password  vault.Secret
	org, fid        string
	app, appVersion string
	clientUID       string

	answer     vault.Secret // of the user, to the question of an earlier session
	token      vault.Secret // AUTHTOKEN: the answer, until the bank gives a key for the rest of the session
	cookie     vault.Secret // SESSCOOKIE
	key        vault.Secret // ACCESSKEY
	challenges []format.Challenge
}

// secrets are the values that errors must not contain.
func (s *signOn) secrets() []vault.Secret {
	return []vault.Secret{s.user, s.password, s.answer, s.cookie, s.key}
}

// aggregate writes the set of messages that begins every request.
func (s *signOn) aggregate(w *writer, more ...string) string {
	elements := []string{
		w.value("DTCLIENT", time.Now().UTC().Format(second)), w.value("USERID", s.user.Reveal()), w.value("USERPASS", s.password.Reveal()),
		w.value("LANGUAGE", "ENG"), s.institution(w), w.value("SESSCOOKIE", s.cookie.Reveal()),
		w.value("APPID", s.app), w.value("APPVER", s.appVersion), w.value("CLIENTUID", s.clientUID),
		w.value("AUTHTOKEN", s.token.Reveal()), w.value("ACCESSKEY", s.key.Reveal()),
	}
	answers := s.answers()
	for i, c := range s.challenges {
		elements = append(elements, aggregate("MFACHALLENGEA", w.value("MFAPHRASEID", c.ID), w.value("MFAPHRASEA", answers[i])))
	}
	return aggregate("SIGNONMSGSRQV1", append([]string{aggregate("SONRQ", elements...)}, more...)...)
}

func (s *signOn) institution(w *writer) string {
	if s.org == "" {
		return ""
	}
	return aggregate("FI", w.value("ORG", s.org), w.value("FID", s.fid))
}

// answers divides the user's answer among the challenges: several answers are separated by semicolons.
func (s *signOn) answers() []string {
	if len(s.challenges) < 2 {
		return []string{s.answer.Reveal()}
	}
	answers := strings.SplitN(s.answer.Reveal(), ";", len(s.challenges))
	for i := range answers {
		answers[i] = strings.TrimSpace(answers[i])
	}
	return append(answers, make([]string, len(s.challenges)-len(answers))...)
}

// remember keeps what the next request of the session must contain. With a key, the answer is not sent again: it is valid once.
func (s *signOn) remember(r *format.Response) {
	if r.SessionCookie != "" {
		s.cookie = vault.NewSecret(r.SessionCookie)
	}
	if r.AccessKey != "" {
		s.key, s.token, s.challenges = vault.NewSecret(r.AccessKey), vault.Secret{}, nil
	}
}
