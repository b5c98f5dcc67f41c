// Currencies next to an amount.

package csvfile

import "strings"

// currencySigns are the ISO 4217 codes that a sign may stand for. A sign that is not listed is accepted for every
// currency: its declaration says that it is the row's currency.
var currencySigns = map[string]string{
	"€": "EUR",
	"£": "GBP GGP GIP FKP IMP JEP SHP EGP LBP SDG SSP SYP",
	"$": "USD AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD XCD " +
		"ARS CLP COP CUP DOP MXN UYU CVE MOP NIO TOP",
	"US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD NIO", "CA$": "CAD", "HK$": "HKD", "NZ$": "NZD", "S$": "SGD", "R$": "BRL",
	"¥": "JPY CNY", "￥": "JPY CNY", "元": "CNY", "円": "JPY", "₹": "INR", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₩": "KRW KPW",
	"₪": "ILS", "₫": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN", "₵": "GHS", "₸": "KZT", "₾": "GEL", "₼": "AZN",
	"zł": "PLN", "Kč": "CZK", "Ft": "HUF", "lei": "RON", "лв": "BGN", "лв.": "BGN", "kr": "SEK NOK DKK ISK", "kr.": "DKK NOK SEK ISK",
	"Fr.": "CHF", "SFr.": "CHF", "Fr": "CHF", "SFr": "CHF",
}

// mayMean reports whether the text next to an amount may mean a currency. Three letters are a code.
func mayMean(adjacent, currency string) bool {
	if adjacent == "" {
		return true
	}
	if codes, known := currencySigns[adjacent]; known {
		return currency != "" && strings.Contains(codes, strings.ToUpper(currency))
	}
	return !isCode(adjacent) || strings.EqualFold(adjacent, currency)
}

// isCode reports whether a text looks like a currency's ISO 4217 code.
func isCode(text string) bool {
	return len(text) == 3 && strings.Trim(strings.ToUpper(text), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// isCurrency reports whether a text is known to be a currency.
func isCurrency(text string) bool {
	return currencySigns[text] != "" || isCode(text) && text == strings.ToUpper(text)
}
