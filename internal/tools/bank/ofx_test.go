// Tests of OFX: statements of both versions are the truth, and each refusal has its status code.

package bank

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ofxStyle is how a client writes.
type ofxStyle struct {
	name, header string
	closed       bool // leaves are closed
}

var ofxStyles = []ofxStyle{
	{"102", "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:1\r\n\r\n", false},
	{"103", "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:103\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:1\r\n\r\n", true},
	{"211", "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n<?OFX OFXHEADER=\"200\" VERSION=\"211\" SECURITY=\"NONE\" OLDFILEUID=\"NONE\" NEWFILEUID=\"1\"?>\r\n", true},
}

func (s ofxStyle) leaf(name, value string) string {
	value = ofxEscapes.Replace(value)
	if s.closed {
		return fmt.Sprintf("<%s>%s</%s>", name, value, name)
	}
	return fmt.Sprintf("<%s>%s\r\n", name, value)
}

func (s ofxStyle) request(user, password, token, messages string) string {
	if token != "" {
		token = s.leaf("AUTHTOKEN", token)
	}
	return s.header + "<OFX><SIGNONMSGSRQV1><SONRQ>" + s.leaf("DTCLIENT", "20260315120000") + s.leaf("USERID", user) + s.leaf("USERPASS", password) +
		s.leaf("LANGUAGE", "ENG") + s.leaf("APPID", "QWIN") + s.leaf("APPVER", "2700") + token + "</SONRQ></SIGNONMSGSRQV1>" + messages + "</OFX>"
}

// statement is the messages that ask for a statement.
func (s ofxStyle) statement(a Account, from, to string) string {
	interval := "<INCTRAN>"
	if from != "" {
		interval += s.leaf("DTSTART", from)
	}
	if to != "" {
		interval += s.leaf("DTEND", to)
	}
	interval += s.leaf("INCLUDE", "Y") + "</INCTRAN>"
	if a.Type == card {
		return "<CREDITCARDMSGSRQV1><CCSTMTTRNRQ>" + s.leaf("TRNUID", "u1") + "<CCSTMTRQ><CCACCTFROM>" + s.leaf("ACCTID", a.ID) + "</CCACCTFROM>" + interval +
			"</CCSTMTRQ></CCSTMTTRNRQ></CREDITCARDMSGSRQV1>"
	}
	return "<BANKMSGSRQV1><STMTTRNRQ>" + s.leaf("TRNUID", "u1") + "<STMTRQ><BANKACCTFROM>" + s.leaf("BANKID", a.BankID) + s.leaf("ACCTID", a.ID) +
		s.leaf("ACCTTYPE", a.Type) + "</BANKACCTFROM>" + interval + "</STMTRQ></STMTTRNRQ></BANKMSGSRQV1>"
}

// post sends a request and reads the answer, whose version has to be that of the request.
func (s ofxStyle) post(t testing.TB, b *Bank, client *http.Client, request string) *element {
	t.Helper()
	status, header, text := answerTo(t, client, http.MethodPost, b.URL(OFX), request)
	if status != http.StatusOK || header.Get("Content-Type") != "application/x-ofx" {
		t.Fatalf("status %d: %s", status, text)
	}
	version, root, err := readOFX(text)
	if err != nil || version != s.name {
		t.Fatalf("answer of version %q: %v: %s", version, err, text)
	}
	return root
}

// statementOf finds the statement and its transaction's status.
func statementOf(root *element, a Account) (statement *element, status string) {
	set, transaction, name := "BANKMSGSRSV1", "STMTTRNRS", "STMTRS"
	if a.Type == card {
		set, transaction, name = "CREDITCARDMSGSRSV1", "CCSTMTTRNRS", "CCSTMTRS"
	}
	answer := root.find(set, transaction)
	return answer.find(name), answer.text("STATUS", "CODE")
}

// entries are the transactions of a statement, as the truth has them.
func (e *element) entries(b *Bank) (list []string) {
	for _, child := range e.find("BANKTRANLIST").children {
		if child.name == "STMTTRN" {
			posted, _ := time.Parse("20060102150405", child.text("DTPOSTED"))
			list = append(list, strings.Join([]string{posted.Format(time.DateOnly), child.text("TRNAMT"), child.text("FITID")}, " "))
		}
	}
	return list
}

func (t Truth) entries() (list []string) {
	for _, e := range t.Posted {
		list = append(list, strings.Join([]string{e.Day, amount(e.Cents), e.ID}, " "))
	}
	return list
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOFXStatementsAreTheTruth(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 3, Accounts: 12, PerUser: 3})
	client := b.client(t)
	for i, a := range b.Accounts() {
		style := ofxStyles[i%len(ofxStyles)]
		truth := b.Truth(a.ID)
		root := style.post(t, b, client, style.request(a.User, a.Password, "", style.statement(a, "", "")))
		statement, status := statementOf(root, a)
		if status != "0" || root.text("SIGNONMSGSRSV1", "SONRS", "STATUS", "CODE") != "0" {
			t.Fatalf("account %s: status %s", a.ID, status)
		}
		equal(t, a.ID, statement.entries(b), truth.entries())
		if got := statement.text("LEDGERBAL", "BALAMT"); got != amount(truth.Booked) {
			t.Errorf("account %s: booked %s, want %s", a.ID, got, amount(truth.Booked))
		}
		if got := statement.text("AVAILBAL", "BALAMT"); got != amount(truth.Available) {
			t.Errorf("account %s: available %s, want %s", a.ID, got, amount(truth.Available))
		}
		if got := statement.text("BALLIST", "BAL", "VALUE"); a.Type == card && got != amount(truth.Due) {
			t.Errorf("account %s: due %s, want %s", a.ID, got, amount(truth.Due))
		}
		if statement.text("CURDEF") != a.Currency {
			t.Errorf("account %s: currency %s", a.ID, statement.text("CURDEF"))
		}
	}
}

func TestOFXWindows(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 4})
	client, a, style := b.client(t), b.Accounts()[0], ofxStyles[0]
	var pieces []string
	for from := noon().AddDate(0, -3, 0); !from.After(noon()); from = from.AddDate(0, 0, 10) {
		first, last := from.Format("20060102"), from.AddDate(0, 0, 9).Format("20060102150405.000[-5:EST]")
		root := style.post(t, b, client, style.request(a.User, a.Password, "", style.statement(a, first, last)))
		statement, _ := statementOf(root, a)
		pieces = append(pieces, statement.entries(b)...)
	}
	equal(t, "windows", pieces, b.Truth(a.ID).entries())
}

func TestOFXAccountsAndProfile(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 5, Accounts: 6, PerUser: 6})
	client, accounts := b.client(t), b.Accounts()
	for _, style := range ofxStyles {
		root := style.post(t, b, client, style.request(accounts[0].User, accounts[0].Password, "",
			"<SIGNUPMSGSRQV1><ACCTINFOTRNRQ>"+style.leaf("TRNUID", "7")+"<ACCTINFORQ>"+style.leaf("DTACCTUP", "19900101")+"</ACCTINFORQ></ACCTINFOTRNRQ></SIGNUPMSGSRQV1>"))
		var got, want []string
		for _, info := range root.find("SIGNUPMSGSRSV1", "ACCTINFOTRNRS", "ACCTINFORS").children {
			if info.name == "ACCTINFO" {
				got = append(got, info.text("CCACCTINFO", "CCACCTFROM", "ACCTID")+info.text("BANKACCTINFO", "BANKACCTFROM", "ACCTID"))
			}
		}
		for _, a := range accounts {
			want = append(want, a.ID)
		}
		equal(t, style.name, got, want)
		root = style.post(t, b, client, style.request("anonymous", "anonymous", "",
			"<PROFMSGSRQV1><PROFTRNRQ>"+style.leaf("TRNUID", "8")+"<PROFRQ>"+style.leaf("CLIENTROUTING", "NONE")+style.leaf("DTPROFUP", "19900101")+"</PROFRQ></PROFTRNRQ></PROFMSGSRQV1>"))
		profile := root.find("PROFMSGSRSV1", "PROFTRNRS", "PROFRS")
		if url := profile.text("MSGSETLIST", "BANKMSGSET", "BANKMSGSETV1", "MSGSETCORE", "URL"); url != b.URL(OFX) {
			t.Errorf("version %s: the profile has the URL %q", style.name, url)
		}
	}
}

func TestOFXStatusCodes(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 6, Accounts: 2, Faults: Faults{OneTimePassword: 1, LockAfter: 2}})
	client, style := b.client(t), ofxStyles[2]
	a, other := b.Accounts()[0], b.Accounts()[1]
	codes := func(user, password, token string, of Account) (string, string) {
		root := style.post(t, b, client, style.request(user, password, token, style.statement(of, "", "")))
		_, status := statementOf(root, of)
		return root.text("SIGNONMSGSRSV1", "SONRS", "STATUS", "CODE"), status
	}
	wantCodes := func(step, signOn, statement, user, password, token string, of Account) {
		t.Helper()
		if s, c := codes(user, password, token, of); s != signOn || c != statement {
			t.Errorf("%s: sign-on %s, statement %s, want %s and %s", step, s, c, signOn, statement)
		}
	}
	wantCodes("unknown user", "15500", "15500", "nobody", "x", "", a)
	wantCodes("no one-time password", "15512", "15512", a.User, a.Password, "", a)
	wantCodes("another one-time password", "15513", "15513", a.User, a.Password, "abc", a)
	token := b.OneTimePassword(a.ID)
	wantCodes("the right one", "0", "0", a.User, a.Password, token, a)
	wantCodes("trusted", "0", "0", a.User, a.Password, "", a)
	wantCodes("the same again", "0", "0", a.User, a.Password, token, a)
	wantCodes("somebody else's account", "0", "2003", a.User, a.Password, "", other)
	b.Advance(time.Hour)
	wantCodes("trusted no more", "15512", "15512", a.User, a.Password, "", a)
	wantCodes("used up", "15513", "15513", a.User, a.Password, token, a)
	wantCodes("wrong password", "15500", "15500", other.User, "x", "", other)
	wantCodes("wrong again", "15500", "15500", other.User, "x", "", other)
	wantCodes("locked out", "15502", "15502", other.User, other.Password, "", other)
	renewed := b.Renew(other.ID)
	wantCodes("the old password", "15500", "15500", other.User, other.Password, "", other)
	wantCodes("renewed", "0", "0", renewed.User, renewed.Password, b.OneTimePassword(other.ID), other)
	if r := b.Report(); r.WrongPasswords != 4 || r.LoginsWhileLocked != 1 || r.OneTimePasswords != 2 || r.WrongOneTime != 2 || r.Logins != 5 {
		t.Errorf("report: %+v", r)
	}
	moved := b.Move(a.ID)
	old := a
	wantCodes("moved", "0", "2003", a.User, a.Password, b.OneTimePassword(moved), old)
}

func TestOFXRequestsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	client := b.client(t)
	for _, body := range []string{"", "<OFX></OFX>", "OFXHEADER:100\nVERSION:102\n\n<OFX><SIGNONMSGSRQV1>", "OFXHEADER:100\n<OFX></OFX>"} {
		if status, _, _ := answerTo(t, client, http.MethodPost, b.URL(OFX), body); status != http.StatusBadRequest {
			t.Errorf("status %d for %q", status, body)
		}
	}
}

func FuzzReadOFX(f *testing.F) {
	for _, style := range ofxStyles {
		f.Add(style.request("u", "p&<", "1", style.statement(Account{ID: "1", Type: card}, "20260101", "")))
	}
	f.Add("OFXHEADER:100 VERSION:102 <OFX><A><B></A></OFX>")
	f.Fuzz(func(t *testing.T, body string) {
		if version, root, err := readOFX(body); err == nil && (len(version) != 3 || root == nil) {
			t.Errorf("version %q, root %v without an error", version, root)
		}
	})
}
