// Whose statement it is: one name for each account, however files write it.

package aggregate

import (
	"fmt"
	"regexp"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// accountName names an account: an IBAN by itself, any other number in its servicer.
type accountName struct{ servicer, account string }

// accountNamer finds the holder of a statement.
type accountNamer func(s *statement.Statement) accountName

// formerAccountName is the name that earlier projects gave: as the file has it.
func formerAccountName(s *statement.Statement) accountName {
	return accountName{servicerScope(s), s.Account}
}

// newAccountNamer names accounts by value: a number that is an IBAN with a currency behind it, or one that its country writes in
// another form, is that IBAN. The institutions' accounts tell which IBAN a number of another country is.
func newAccountNamer(p *project.Project) accountNamer {
	var declared []string
	for _, i := range p.Institutions {
		for _, a := range i.Accounts {
			if number, iban := statement.AccountNumber(a); iban {
				declared = append(declared, number)
			}
		}
	}
	return func(s *statement.Statement) accountName {
		if s.IBAN {
			return accountName{account: s.Account}
		}
		if number := ibanOf(s.Account, s.Currency, declared); number != "" {
			return accountName{account: number}
		}
		return accountName{servicerOf(s.Servicer), s.Account}
	}
}

// servicerOf is a servicer's name by value: a BIC whose branch is XXX is that of the bank as a whole (ISO 9362).
func servicerOf(text string) string {
	const bank, office = 8, "XXX"
	if whole, is := strings.CutSuffix(text, office); is && len(whole) == bank {
		return whole
	}
	return text
}

var (
	// behindNumber is a currency that a bank writes behind a number.
	behindNumber = regexp.MustCompile(`^(.*?)\s*[A-Z]{3}$`)
	// germanNumber is a bank code and a number, as the German banks' MT940 has them.
	germanNumber = regexp.MustCompile(`^([1-9]\d{7})/(\d{1,10})$`)
	// nationalNumber is a number in one or two groups of digits.
	nationalNumber = regexp.MustCompile(`^(\d+)(?:[/-](\d+))?$`)
)

// ibanOf is the IBAN that a number stands for; empty if it stands for none.
func ibanOf(number, currency string, declared []string) string {
	if m := behindNumber.FindStringSubmatch(number); m != nil {
		if whole, iban := statement.AccountNumber(m[1]); iban {
			return whole
		}
		if behind := number[len(number)-len("EUR"):]; currency == "" || currency == behind {
			number, currency = m[1], behind
		}
	}
	if m := germanNumber.FindStringSubmatch(number); m != nil && currency == "EUR" {
		return ibanIn("DE", fmt.Sprintf("%s%010s", m[1], m[2]))
	}
	if m := nationalNumber.FindStringSubmatch(number); m != nil {
		return declaredOf(m[1], m[2], declared)
	}
	return ""
}

// ibanIn is the IBAN of a country and a number within it: with the only check digits that hold (ISO 13616).
func ibanIn(country, number string) string {
	const first, last = 2, 98
	for check := first; check <= last; check++ {
		if iban, is := statement.AccountNumber(fmt.Sprintf("%s%02d%s", country, check, number)); is {
			return iban
		}
	}
	return ""
}

// leastDigits is how long a number without a bank code is at least, to be looked for in IBANs.
const leastDigits = 6

// declaredOf is the only declared IBAN that is made of these groups of digits, with zeros between them, in either order; one
// group is the number without a bank code.
func declaredOf(first, second string, declared []string) (found string) {
	for _, iban := range declared {
		national := iban[4:]
		made := second == "" && len(first) >= leastDigits && endsWith(national, first) ||
			second != "" && (isMadeOf(national, first, second) || isMadeOf(national, second, first))
		if made && found != "" && found != iban {
			return ""
		}
		if made {
			found = iban
		}
	}
	return found
}

func isMadeOf(national, bank, number string) bool {
	rest, begins := strings.CutPrefix(national, bank)
	return begins && strings.TrimLeft(rest, "0") == strings.TrimLeft(number, "0")
}

// endsWith reports whether a number is what follows the zeros of an IBAN's last digits.
func endsWith(national, number string) bool {
	number = strings.TrimLeft(number, "0")
	return number != "" && strings.HasSuffix(national, number)
}
