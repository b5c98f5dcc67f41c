// What a server's response says besides its statements, for the client that has asked for them.

package ofx

import (
	"io"

	"bursar/internal/aggregate/format/statement"
)

// Response is what a server answers.
type Response struct {
	SignOn     Status
	Requests   []Status        // of the requests in the response, in its order
	Accounts   []ListedAccount // of the answer to ACCTINFORQ
	Challenges []Challenge     // questions that the user must answer before anything else
	Statements int             // of bank accounts and cards

	// Secrets that the next request of the same session must contain; empty if the server has none.
	SessionCookie, AccessKey string
}

// Status is a STATUS aggregate as written.
type Status struct{ Code, Severity, Message string }

// ListedAccount is an account in an account list.
type ListedAccount struct {
	Aggregate   string // "BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"; others are as the server writes them
	Type        string // ACCTTYPE
	Number      string
	Bank        string // BANKID
	Description string
}

// Challenge is a question that the server asks the user.
type Challenge struct{ ID, Label string }

// Limits of what is kept of a response.
const (
	maxListed     = 10_000
	maxChallenges = 20
)

// ReadResponse reads a response. Other than Read, it reads one that reports a failure without an error: the failure is in SignOn or Requests.
func ReadResponse(r io.Reader) (*Response, error) {
	buffer, release := statement.BufferUTF8(r)
	defer release()
	p := &reader{lex: newLexer(buffer), out: statement.NewEmitter(statement.Discard{}), format: "ofx", response: &Response{}}
	p.read()
	if p.summary.refusal == nil {
		p.checkSummary()
	}
	return p.response, p.out.Err
}

// The methods of a nil Response do nothing, so that Read needs no other way through a file.

func (a *Response) setSignOn(r *record, s Status) {
	if a != nil {
		a.SignOn, a.SessionCookie, a.AccessKey = s, r.get("SESSCOOKIE"), r.get("ACCESSKEY")
	}
}

func (a *Response) addStatus(s Status) {
	if a != nil && len(a.Requests) < maxListed {
		a.Requests = append(a.Requests, s)
	}
}

func (a *Response) addAccount(r *record, parent int) {
	if a == nil || len(a.Accounts) == maxListed {
		return
	}
	a.Accounts = append(a.Accounts, ListedAccount{
		Aggregate: r.nodes[parent].name, Type: r.valueAt(parent, "ACCTTYPE"), Number: r.valueAt(parent, "ACCTID"),
		Bank: r.valueAt(parent, "BANKID"), Description: r.get("DESC"),
	})
}

func (a *Response) addStatement() {
	if a != nil {
		a.Statements++
	}
}

// challenge handles a question to the user, which is not content of a file.
func (p *reader) challenge() {
	if a := p.response; a != nil && len(a.Challenges) < maxChallenges {
		a.Challenges = append(a.Challenges, Challenge{p.record.get("MFAPHRASEID"), p.record.get("MFAPHRASELABEL")})
	}
}
