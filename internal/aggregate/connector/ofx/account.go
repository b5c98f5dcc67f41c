// The ids of accounts.

package ofx

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/connector"
	format "bursar/internal/aggregate/format/ofx"
	"bursar/internal/failure"
)

// card is the type of credit cards, which have messages of their own.
const card = "card"

// bankTypes are the types of bank accounts, in lower case.
var bankTypes = []string{"checking", "savings", "moneymrkt", "creditline", "cd"}

// account is what a request names an account by.
type account struct{ kind, bank, number string }

// parseAccount reads an id. The routing number is bank unless the id has one.
func parseAccount(id, bank string) (*account, error) {
	kind, number, found := strings.Cut(id, ":")
	a := &account{kind: kind, bank: bank, number: number}
	if routing, rest, has := strings.Cut(number, "/"); has && kind != card {
		a.bank, a.number = routing, rest
	}
	switch {
	case !found, a.number == "", kind != card && !slices.Contains(bankTypes, kind):
		return nil, &connector.UnknownAccountError{Account: id}
	case kind != card && a.bank == "":
		return nil, refuse("ask for account %s: its routing number is missing; set bank_id in the institution's settings", id)
	}
	return a, nil
}

// accountID returns the id of a listed account, or false if it has no statements that are fetched.
func accountID(a *format.ListedAccount, bank string) (id string, ok bool) {
	kind := strings.ToLower(a.Type)
	switch {
	case a.Number == "":
		return "", false
	case a.Aggregate == "CCACCTFROM":
		return card + ":" + a.Number, true
	case a.Aggregate != "BANKACCTFROM", !slices.Contains(bankTypes, kind):
		return "", false
	case a.Bank == "" || a.Bank == bank && !strings.Contains(a.Number, "/"):
		return kind + ":" + a.Number, true
	}
	return kind + ":" + a.Bank + "/" + a.Number, true
}

func refuse(text string, values ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(text, values...))
}
