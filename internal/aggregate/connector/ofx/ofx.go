// Package ofx downloads statements by OFX Direct Connect, in the versions 1.0.2 to 1.6 (SGML) and 2.0 to 2.2 (XML). It owns the requests and what
// status codes mean. It guarantees that a statement is delivered as the bank has sent it, and only if the answer is complete and reports no failure.
// It must not interpret statements: package format/ofx reads them.
//
// Settings: url; org and fid, by which the bank is named; bank_id, its routing number; version (203); app_id and app_version (QWIN 2700);
// client_uid; days, how many of them one statement has (31). Credentials: user, password.
//
// The id of an account is its type and number, such as checking:123, savings:123 or card:4111; accounts at another routing number than bank_id have
// it before the number: checking:121000248/123.
package ofx

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	format "bursar/internal/aggregate/format/ofx"
)

const (
	defaultDays = 31
	mostDays    = 366
)

// Connector is the connector. The zero value is ready for use.
type Connector struct{}

type session struct {
	requester web.Requester
	url       string
	bank      string // BANKID
	days      int
	writer    writer
	signOn    signOn
}

// LogIn implements connector.Connector. It sends nothing: every request signs on, and many banks refuse a request that does nothing else.
func (Connector) LogIn(_ context.Context, l connector.Login) (connector.Session, error) {
	address, err := l.Required("url")
	if err != nil {
		return nil, err
	}
	if parsed, err := url.Parse(address); err != nil || parsed.Host == "" || parsed.User != nil {
		return nil, refuse("log in: the setting url is not the address of an OFX server")
	}
	days, err := l.Number("days", defaultDays, mostDays)
	if err != nil {
		return nil, err
	}
	version := cmp.Or(l.Settings["version"], "203")
	if !slices.Contains(versions, version) {
		return nil, refuse("log in: the setting version is %q; set one of %s", version, strings.Join(versions, ", "))
	}
	user, err := l.Credential("user")
	if err != nil {
		return nil, err
	}
	password, err := l.Credential("password")
	if err != nil {
		return nil, err
	}
	s := &session{
		url: address, bank: l.Settings["bank_id"], days: days,
		writer: writer{version: version, sgml: version < "200"},
		signOn: signOn{
			user: user, password: password, answer: l.Answer, token: l.Answer,
			org: l.Settings["org"], fid: l.Settings["fid"], clientUID: l.Settings["client_uid"],
			app: cmp.Or(l.Settings["app_id"], "QWIN"), appVersion: cmp.Or(l.Settings["app_version"], "2700"),
		},
	}
	s.requester = web.Requester{Client: l.HTTP, Secrets: s.signOn.secrets()}
	return s, nil
}

// Close implements connector.Session.
func (*session) Close(context.Context) error { return nil }

// List implements connector.Session. Accounts of investments are left out: they have no statements of the kind that is fetched.
func (s *session) List(ctx context.Context) ([]connector.Account, error) {
	_, response, err := s.ask(ctx, "", s.writer.accountList)
	if err != nil {
		return nil, err
	}
	accounts := []connector.Account{}
	for _, a := range response.Accounts {
		id, ok := accountID(&a, s.bank)
		if ok {
			accounts = append(accounts, connector.Account{ID: id, Name: a.Description, Type: strings.ToLower(a.Type)})
		}
	}
	slices.SortFunc(accounts, func(a, b connector.Account) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(accounts, func(a, b connector.Account) bool { return a.ID == b.ID }), nil
}

// Fetch implements connector.Session: one statement for each window. The last one has no end, because banks refuse one in the future.
func (s *session) Fetch(ctx context.Context, r connector.Request, d connector.Delivery) error {
	account, err := parseAccount(r.Account, s.bank)
	if err != nil {
		return err
	}
	windows := r.Windows(s.days)
	for i, w := range windows {
		answer, response, err := s.ask(ctx, r.Account, func() string { return s.writer.statement(account, w, i == len(windows)-1) })
		if err != nil {
			return err
		}
		if response.Statements == 0 {
			return answer.Refuse("the answer contains no statement of account %s", r.Account)
		}
		if err := d.Document(ctx, account.fileName(w), answer.Body); err != nil {
			return err
		}
		r.Report(i+1, len(windows))
	}
	return nil
}

// ask sends a request about an account, or about the user if that is empty, and returns the answer if it reports no failure. If the bank asks
// questions for which the session has an answer, the request is sent again with it.
func (s *session) ask(ctx context.Context, account string, message func() string) (*web.Answer, *format.Response, error) {
	answer, response, err := s.send(ctx, message())
	if err != nil {
		return nil, nil, err
	}
	for hasChallenge(response) {
		if err := s.answerChallenges(ctx); err != nil {
			return nil, nil, err
		}
		if answer, response, err = s.send(ctx, message()); err != nil {
			return nil, nil, err
		}
	}
	if err := s.failureOf(response, account); err != nil {
		return nil, nil, err
	}
	s.signOn.remember(response)
	s.requester.Secrets = s.signOn.secrets()
	return answer, response, nil
}

// send signs on and sends messages.
func (s *session) send(ctx context.Context, messages string) (*web.Answer, *format.Response, error) {
	return s.post(ctx, s.signOn.aggregate(&s.writer)+messages)
}

// sendSignOn signs on and sends messages of the same set.
func (s *session) sendSignOn(ctx context.Context, messages string) (*web.Answer, *format.Response, error) {
	return s.post(ctx, s.signOn.aggregate(&s.writer, messages))
}

// post sends a request, and returns the answer once it is known to be complete.
func (s *session) post(ctx context.Context, messages string) (*web.Answer, *format.Response, error) {
	content := s.writer.document(messages)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(content))
	if err != nil {
		return nil, nil, refuse("ask for statements: the setting url is not valid")
	}
	r.Header.Set("Content-Type", "application/x-ofx")
	r.Header.Set("Accept", "application/x-ofx, */*")
	answer, err := s.requester.Do(r)
	if err != nil {
		return nil, nil, err
	}
	response, err := read(answer)
	return answer, response, err
}

// root begins the content of every answer, and end ends it.
var (
	root = regexp.MustCompile(`(?i)<(\w+:)?OFX[\s>]`)
	end  = regexp.MustCompile(`(?i)</(\w+:)?OFX\s*>`)
)

// read reads an answer. One without its end was cut off, even if nothing else shows that.
func read(answer *web.Answer) (*format.Response, error) {
	const maxHead, maxTail = 64 << 10, 4 << 10
	body := answer.Body
	started := root.Match(body[:min(len(body), maxHead)]) || format.Recognise(body[:min(len(body), maxHead)])
	switch {
	case len(bytes.TrimSpace(body)) > 0 && !started:
		return nil, answer.Refuse("the answer is not OFX")
	case !end.Match(body[max(0, len(body)-maxTail):]):
		return nil, answer.CutOff("the answer ends before </OFX>")
	}
	response, err := format.ReadResponse(bytes.NewReader(body))
	if err != nil {
		return nil, answer.Refuse("the answer is not valid OFX: %s", err)
	}
	return response, nil
}

var notInNames = regexp.MustCompile(`[^0-9A-Za-z]`)

// fileName names a statement for people, by the last digits of its account.
func (a *account) fileName(w connector.Window) string {
	const shown = 4
	number := notInNames.ReplaceAllString(a.number, "")
	number = number[max(0, len(number)-shown):]
	return a.kind + "-" + number + "_" + w.From.Format(time.DateOnly) + "_" + w.To.Format(time.DateOnly) + ".ofx"
}
