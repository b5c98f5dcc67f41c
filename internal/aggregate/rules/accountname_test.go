// Tests which numbers name one account.

package rules

import (
	"testing"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

func TestAccountNames(t *testing.T) {
	t.Parallel()
	czech := &project.Institution{Name: "czech", Accounts: []string{"CZ6508000000192000145399", "NL91ABNA0417164300"}}
	by := Of(&project.Project{Institutions: []*project.Institution{czech}}, false)
	for _, c := range []struct{ servicer, number, currency, want string }{
		{"", "NL91ABNA0417164300", "EUR", "NL91ABNA0417164300"},
		{"ABNANL2A", "NL91ABNA0417164300 EUR", "", "NL91ABNA0417164300"},
		{"ABNANL2A", "NL91ABNA0417164300EUR", "EUR", "NL91ABNA0417164300"},
		{"", "37040044/0532013000", "EUR", "DE89370400440532013000"},
		{"", "37040044/532013000EUR", "EUR", "DE89370400440532013000"},
		{"", "37040044/532013000EUR", "", "DE89370400440532013000"},
		{"", "37040044/0532013000", "HUF", "/37040044/0532013000"}, // of another country
		{"", "0800/192000145399", "CZK", "CZ6508000000192000145399"},
		{"", "192000145399/0800", "CZK", "CZ6508000000192000145399"},
		{"", "0417164300", "EUR", "NL91ABNA0417164300"},
		{"", "4300", "EUR", "/4300"}, // too short
		{"AGBLLT2XXXX", "12", "EUR", "AGBLLT2X/12"},
		{"AGBLLT2X", "12", "EUR", "AGBLLT2X/12"},
		{"AGBLLT2X001", "12", "EUR", "AGBLLT2X001/12"},
	} {
		number, iban := statement.AccountNumber(c.number)
		got := by.Account(&statement.Statement{Servicer: c.servicer, Account: number, IBAN: iban, Currency: c.currency})
		name := got.Account
		if _, iban := statement.AccountNumber(name); !iban {
			name = got.Servicer + "/" + name
		}
		if name != c.want {
			t.Errorf("%s %s in %q is %s, want %s", c.servicer, c.number, c.currency, name, c.want)
		}
	}
}
