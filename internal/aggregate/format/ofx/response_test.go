// Tests of what a response says besides its statements.

package ofx_test

import (
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/ofx"
)

func TestReadResponse(t *testing.T) {
	t.Parallel()
	const list = "<ACCTINFO><DESC>Everyday<BANKACCTINFO><BANKACCTFROM><BANKID>1<ACCTID>2<ACCTTYPE>CHECKING</BANKACCTFROM><SUPTXDL>Y</BANKACCTINFO></ACCTINFO>" +
		"<ACCTINFO><CCACCTINFO><CCACCTFROM><ACCTID>3</CCACCTFROM></CCACCTINFO></ACCTINFO>"
	got, err := ofx.ReadResponse(strings.NewReader(header + "<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><SESSCOOKIE>c<ACCESSKEY>k</SONRS>" +
		"<MFACHALLENGETRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><MFACHALLENGERS><MFACHALLENGE><MFAPHRASEID>MFA1<MFAPHRASELABEL>City?</MFACHALLENGE>" +
		"<MFACHALLENGE><MFAPHRASEID>MFA2</MFACHALLENGE></MFACHALLENGERS></MFACHALLENGETRNRS></SIGNONMSGSRSV1>" +
		"<SIGNUPMSGSRSV1><ACCTINFOTRNRS><STATUS><CODE>2<SEVERITY>WARN<MESSAGE>m</STATUS><ACCTINFORS>" + list + "</ACCTINFORS></ACCTINFOTRNRS></SIGNUPMSGSRSV1></OFX>"))
	if err != nil {
		t.Fatal(err)
	}
	if got.SignOn != (ofx.Status{Code: "0", Severity: "INFO"}) || got.SessionCookie != "c" || got.AccessKey != "k" || got.Statements != 0 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Requests, []ofx.Status{{Code: "0", Severity: "INFO"}, {Code: "2", Severity: "WARN", Message: "m"}}) {
		t.Errorf("requests %+v", got.Requests)
	}
	if !slices.Equal(got.Challenges, []ofx.Challenge{{ID: "MFA1", Label: "City?"}, {ID: "MFA2"}}) {
		t.Errorf("challenges %+v", got.Challenges)
	}
	want := []ofx.ListedAccount{
		{Aggregate: "BANKACCTFROM", Type: "CHECKING", Number: "2", Bank: "1", Description: "Everyday"}, {Aggregate: "CCACCTFROM", Number: "3"},
	}
	if !slices.Equal(got.Accounts, want) {
		t.Errorf("accounts %+v", got.Accounts)
	}
}

// TestReadFailedResponse checks that a response with nothing but a failure is read, and that other files are refused as Read refuses them.
func TestReadFailedResponse(t *testing.T) {
	t.Parallel()
	got, err := ofx.ReadResponse(strings.NewReader("<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>15500<SEVERITY>ERROR</STATUS></SONRS></SIGNONMSGSRSV1></OFX>"))
	if err != nil || got.SignOn.Code != "15500" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = ofx.ReadResponse(strings.NewReader(header + sgml)); err != nil || got.Statements != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"<OFX></OFX>", strings.TrimSuffix(sgml, "</OFX>"), "<!DOCTYPE x>" + sgml} {
		if _, err := ofx.ReadResponse(strings.NewReader(text)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}
