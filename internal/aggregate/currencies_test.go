// Tests statements of an account in several currencies.

package aggregate

import (
	"fmt"
	"strings"
	"testing"
)

// TestCurrencies judges a statement of an account in two currencies: each by its own balances and entries.
func TestCurrencies(t *testing.T) {
	t.Parallel()
	balances := func(currency, opening, closing string) string {
		text := camtWith(closing, "")
		text = text[strings.Index(text, "<Bal>"):strings.Index(text, "</Stmt>")]
		return strings.NewReplacer("EUR", currency, "1000.00", opening).Replace(text)
	}
	entry := func(currency, amount string) string {
		return strings.ReplaceAll(camtEntry(amount, "CRDT", ""), "EUR", currency)
	}
	usd := balances("USD", "5.00", "7.00")
	info := strings.NewReplacer("OPBD", "INFO", "CLBD", "INFO").Replace(balances("CHF", "1.00", "2.00"))
	for name, c := range map[string]struct{ rest, want string }{
		"both hold":      {usd + info + entry("EUR", "100") + entry("USD", "2"), "EUR 5 PROVEN 1 entries, USD 5 PROVEN 1 entries"},
		"one does not":   {usd + entry("EUR", "100") + entry("USD", "3"), "EUR 5 PROVEN 1 entries, USD 5 BROKEN 1 entries"},
		"a third":        {usd + entry("EUR", "100") + entry("USD", "2") + entry("SEK", "1"), "EUR 5 BROKEN 1 entries, SEK 5 BROKEN 1 entries, USD 5 PROVEN 1 entries"},
		"only balances":  {usd, "EUR 5 BROKEN 0 entries, USD 5 BROKEN 0 entries"},
		"a wrong count":  {usd + `<TxsSummry><TtlNtries><NbOfNtries>3</NbOfNtries><Sum>102</Sum></TtlNtries></TxsSummry>` + entry("EUR", "100") + entry("USD", "2"), "EUR 5 BROKEN 1 entries, USD 5 PROVEN 1 entries"},
		"a right count":  {usd + `<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>102</Sum></TtlNtries></TxsSummry>` + entry("EUR", "100") + entry("USD", "2"), "EUR 5 PROVEN 1 entries, USD 5 PROVEN 1 entries"},
		"not as balance": {info + entry("EUR", "100"), "EUR 5 PROVEN 1 entries"},
	} {
		h := newFixture(t, "")
		text := strings.Replace(camtWith("1100.00", c.rest), "<Ccy>EUR</Ccy>", "", 1)
		h.send(text, text+"\n")
		var got []string
		for _, a := range h.judged("") {
			got = append(got, fmt.Sprintf("%s %s %d entries", a.Currency, states(a.Intervals), a.Intervals[0].Entries))
		}
		if strings.Join(got, ", ") != c.want || h.quarantined() > 0 {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, ", "), c.want)
		}
	}
}
