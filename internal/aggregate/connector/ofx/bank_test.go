// A bank that answers requests in both syntaxes.

package ofx_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

const (
	user     = "user<&>1"
	password = "pass&word;x"
)

// bank is a server of the protocol. Its rules are those of a bank: they read requests by the values in them.
type bank struct {
	mutex    sync.Mutex
	requests []string
	signOn   func(request string) string // a code other than 0; nil: the password decides
	status   string                      // of statements; "": success
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-ofx" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	request := string(content)
	b.requests = append(b.requests, request)
	w.Header().Set("Content-Type", "application/x-ofx")
	_, _ = io.WriteString(w, header(request)+"<OFX>"+b.answer(request)+"</OFX>\n")
}

// header answers in the syntax of the request.
func header(request string) string {
	if strings.HasPrefix(request, "<?xml") {
		return `<?xml version="1.0" encoding="UTF-8"?><?OFX OFXHEADER="200" VERSION="203" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>`
	}
	return "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n"
}

// valueOf returns the first value of a name in a request.
func valueOf(request, name string) string {
	m := regexp.MustCompile("<" + name + ">([^<\r\n]*)").FindStringSubmatch(request)
	if m == nil {
		return ""
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(m[1])
}

func (b *bank) answer(request string) string {
	code, more := "0", ""
	if valueOf(request, "USERID") != user || valueOf(request, "USERPASS") != password {
		code = "15500"
	}
	if b.signOn != nil {
		if code = b.signOn(request); strings.Contains(code, "<") {
			code, more = "0", code
		}
	}
	if strings.Contains(request, "<MFACHALLENGERQ>") {
		code = "0"
		more = "</SONRS><MFACHALLENGETRNRS><TRNUID>1</TRNUID>" + status("0") + "<MFACHALLENGERS>" +
			"<MFACHALLENGE><MFAPHRASEID>MFA16</MFAPHRASEID><MFAPHRASELABEL>Mother's maiden name?</MFAPHRASELABEL></MFACHALLENGE>" +
			"<MFACHALLENGE><MFAPHRASEID>MFA1</MFAPHRASEID><MFAPHRASELABEL>City of birth?</MFAPHRASELABEL></MFACHALLENGE></MFACHALLENGERS></MFACHALLENGETRNRS>"
	}
	signOn := "<SIGNONMSGSRSV1><SONRS>" + status(code) + "<DTSERVER>20240201</DTSERVER><LANGUAGE>ENG</LANGUAGE>" + more
	if !strings.Contains(more, "</SONRS>") {
		signOn += "</SONRS>"
	}
	signOn += "</SIGNONMSGSRSV1>"
	switch {
	case code != "0" || strings.Contains(request, "<MFACHALLENGERQ>"):
		return signOn
	case strings.Contains(request, "<ACCTINFORQ>"):
		return signOn + accountList
	}
	return signOn + b.statement(request)
}

func status(code string) string {
	severity := "ERROR"
	if code == "0" || code == "15000" {
		severity = "INFO"
	}
	return "<STATUS><CODE>" + code + "</CODE><SEVERITY>" + severity + "</SEVERITY><MESSAGE>as asked by " + "pass&amp;word;x" + "</MESSAGE></STATUS>"
}

const accountList = "<SIGNUPMSGSRSV1><ACCTINFOTRNRS><TRNUID>1</TRNUID><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS><ACCTINFORS><DTACCTUP>20240101</DTACCTUP>" +
	"<ACCTINFO><DESC>Everyday</DESC><BANKACCTINFO><BANKACCTFROM><BANKID>121000248</BANKID><ACCTID>123</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>" +
	"<SUPTXDL>Y</SUPTXDL><XFERSRC>N</XFERSRC><XFERDEST>N</XFERDEST><SVCSTATUS>ACTIVE</SVCSTATUS></BANKACCTINFO></ACCTINFO>" +
	"<ACCTINFO><BANKACCTINFO><BANKACCTFROM><BANKID>999</BANKID><ACCTID>123</ACCTID><ACCTTYPE>SAVINGS</ACCTTYPE></BANKACCTFROM></BANKACCTINFO></ACCTINFO>" +
	"<ACCTINFO><DESC>Card</DESC><CCACCTINFO><CCACCTFROM><ACCTID>4111111111111111</ACCTID></CCACCTFROM><SUPTXDL>Y</SUPTXDL></CCACCTINFO></ACCTINFO>" +
	"<ACCTINFO><INVACCTINFO><INVACCTFROM><BROKERID>b</BROKERID><ACCTID>77</ACCTID></INVACCTFROM></INVACCTINFO></ACCTINFO>" +
	"</ACCTINFORS></ACCTINFOTRNRS></SIGNUPMSGSRSV1>"

func (b *bank) statement(request string) string {
	number, isCard := valueOf(request, "ACCTID"), strings.Contains(request, "<CCSTMTRQ>")
	set, response, report := "BANKMSGSRSV1", "STMTTRNRS", "STMTRS"
	from := "<BANKACCTFROM><BANKID>" + valueOf(request, "BANKID") + "</BANKID><ACCTID>" + number + "</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>"
	if isCard {
		set, response, report = "CREDITCARDMSGSRSV1", "CCSTMTTRNRS", "CCSTMTRS"
		from = "<CCACCTFROM><ACCTID>" + number + "</ACCTID></CCACCTFROM>"
	}
	code := b.status
	if code == "" && number != "123" && number != "4111111111111111" {
		code = "2003"
	}
	if code != "" {
		return "<" + set + "><" + response + "><TRNUID>1</TRNUID>" + status(code) + "</" + response + "></" + set + ">"
	}
	start, until := valueOf(request, "DTSTART"), valueOf(request, "DTEND")
	if until == "" {
		until = "20240310"
	}
	return "<" + set + "><" + response + "><TRNUID>1</TRNUID><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS><" + report + "><CURDEF>USD</CURDEF>" + from +
		"<BANKTRANLIST><DTSTART>" + start + "</DTSTART><DTEND>" + until + "</DTEND><STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>" + start +
		"120000</DTPOSTED><TRNAMT>-5.00</TRNAMT><FITID>" + start + "</FITID></STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>10.00</BALAMT><DTASOF>" + until +
		"</DTASOF></LEDGERBAL></" + report + "></" + response + "></" + set + ">"
}
