// Package rules is what the declarations of a project make of values in statement files: which account a number is, which
// direction reversals have, whether references identify entries. It owns the bindings, the record of what was given to
// what is imported, and finds declarations that changed since: ids depend on them. It must not read statements or events.
package rules

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Set is the rules of a project. A project whose entries an earlier version imported keeps its rules, so that entries
// that are sent again are recognised.
type Set struct {
	Former bool // the rules are those of earlier versions

	project  *project.Project
	declared []string // IBANs of the institutions' accounts
}

// Of returns the rules of a project; former are those of earlier versions.
func Of(p *project.Project, former bool) Set {
	r := Set{Former: former, project: p}
	for _, i := range p.Institutions {
		for _, a := range i.Accounts {
			if number, iban := statement.AccountNumber(a); iban {
				r.declared = append(r.declared, number)
			}
		}
	}
	return r
}

// maxPause is how many days in a row a calendar may lack a statement.
const maxPause = 14

// PreviousDay returns the latest earlier day on which the calendar of the account's institution expects a statement.
// Without a calendar it is the day before.
func (r *Set) PreviousDay(s *statement.Statement, day time.Time) time.Time {
	before := day.AddDate(0, 0, -1)
	i := r.project.InstitutionOf(s.Servicer, s.Account)
	if i == nil || i.Statements.Kind == project.NoCalendar {
		return before
	}
	calendar := i.Statements
	calendar.Since = time.Time{} // Since limits what may be missing, not which days have statements
	for n := range maxPause {
		if earlier := before.AddDate(0, 0, -n); calendar.Expects(earlier) {
			return earlier
		}
	}
	return before
}

// HasOriginalReversals reports whether the reversals of a statement are declared to have the direction of the reversed entries.
func (r *Set) HasOriginalReversals(s *statement.Statement) bool {
	i := r.project.InstitutionOf(s.Servicer, s.Account)
	return s.IsCAMT() && i != nil && i.Reversals == project.OriginalReversals
}

// HasTemporaryFITIDs reports whether the FITIDs of a statement are declared to change with each file. The former rules
// do not know of such a declaration.
func (r *Set) HasTemporaryFITIDs(s *statement.Statement) bool {
	i := r.project.InstitutionOf(s.Servicer, s.Account)
	return !r.Former && s.IsOFX() && i != nil && i.TemporaryIDs
}

// Account names the account of a statement. A number that is an IBAN followed by a currency, or a national form of an
// IBAN, is that IBAN. For numbers of most countries the institutions' accounts say which IBAN it is. By the former rules
// the name is as the file has it.
func (r *Set) Account(s *statement.Statement) identity.Account {
	if r.Former || s.IBAN {
		return identity.Account{Servicer: identity.ServicerScope(s), Account: s.Account}
	}
	if number := ibanOf(s.Account, s.Currency, r.declared); number != "" {
		return identity.Account{Account: number}
	}
	servicer := s.Servicer
	if bank, is := strings.CutSuffix(servicer, "XXX"); is && len(bank) == 8 { // a BIC with this branch is that of the whole bank (ISO 9362)
		servicer = bank
	}
	return identity.Account{Servicer: servicer, Account: s.Account}
}

var (
	// behindNumber is a number followed by a currency.
	behindNumber = regexp.MustCompile(`^(.*?)\s*[A-Z]{3}$`)
	// germanNumber is a bank code and an account number, as in the MT940 of German banks.
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

// ibanIn builds the IBAN of a country and a national number with the check digits that are valid (ISO 13616).
func ibanIn(country, number string) string {
	const first, last = 2, 98
	for check := first; check <= last; check++ {
		if iban, is := statement.AccountNumber(fmt.Sprintf("%s%02d%s", country, check, number)); is {
			return iban
		}
	}
	return ""
}

// minDigits is the minimum length of a number without a bank code that is looked for in IBANs.
const minDigits = 6

// declaredOf is the only declared IBAN that consists of these groups of digits, with zeros between them, in either
// order. A single group is the number without a bank code.
func declaredOf(first, second string, declared []string) (found string) {
	for _, iban := range declared {
		national := iban[4:]
		number := strings.TrimLeft(first, "0")
		made := second == "" && len(first) >= minDigits && number != "" && strings.HasSuffix(national, number) ||
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

// ChangeError says which declaration differs from before, and where.
func (r *Set) ChangeError(was, now *Binding) *DeclaredError {
	e := &DeclaredError{doc.Error{File: "institutions", Line: 1}}
	fault := &e.Fault
	at := func(i *project.Institution, what, value string) {
		if i != nil {
			fault.File, fault.Line = i.File, i.LineOf(what, value)
		}
	}
	const advice = "what overlaps with it would count twice: declare it as it was, or import the originals of all that was read so again in one command, " +
		"which takes the earlier reading back: `bursar import .bursar/objects/statements/*/*`"
	switch was.Aspect {
	case AccountAspect:
		i, what, value := r.declarationOf(was, now)
		at(i, what, value)
		fault.Message = fmt.Sprintf("account %s in %q was imported as %s, and by the institutions that are declared it is %s: %s", was.Number, was.Currency,
			was.describe(), now.describe(), advice)
	case ReversalsAspect:
		at(r.project.InstitutionOf(was.Source, was.Number), "reversals", "")
		fault.Message = fmt.Sprintf("reversals of account %s were imported with `reversals: %s`, and it is declared to be %s: %s", was.Number, was.Value, now.Value, advice)
	case FITIDsAspect:
		at(r.project.InstitutionOf(was.Source, was.Number), "fitids", "")
		fault.Message = fmt.Sprintf("account %s was imported with `fitids: %s`, and they are declared to be %s: %s", was.Number, was.Value, now.Value, advice)
	case ReferencesAspect:
		i := r.CSVInstitution(was.Source)
		at(i, "csv.columns.reference", "")
		if i != nil && i.CSV.Unique != (was.Value == uniqueReferences) {
			at(i, "csv.unique", "")
		}
		fault.Message = fmt.Sprintf("CSV files of this institution were imported with %s, and it declares %s: %s", was.Value, now.Value, advice)
	case MappingAspect:
		key := remapped(was.Value, now.Value)
		at(r.CSVInstitution(was.Source), "csv."+strings.TrimSuffix(strings.TrimSuffix(key, ".credit"), ".debit"), "")
		fault.Message = fmt.Sprintf("CSV files of this institution were imported with %#q %s, and it declares %s: %s",
			key, declaredAs(was.Value, key), declaredAs(now.Value, key), advice)
	}
	return e
}

// WithoutFiles adds the files that an import would have to read again.
func (e *DeclaredError) WithoutFiles(files []string) *DeclaredError {
	const most = 3
	names := strings.Join(files[:min(len(files), most)], ", ")
	if len(files) > most {
		names += fmt.Sprintf(" and %d more", len(files)-most)
	}
	e.Fault.Message += "; this import does not read again: " + names
	return e
}

func (g *Binding) describe() string {
	if g.Servicer == "" {
		return g.Value
	}
	return g.Value + " of " + g.Servicer
}

// declarationOf finds the declaration that changes a number's account: the declared account that it is or whose digits
// it has, else the servicer of the CSV institution. It returns no institution if the declaration was removed.
func (r *Set) declarationOf(was, now *Binding) (i *project.Institution, what, value string) {
	for _, i := range r.project.Institutions {
		for _, a := range i.Accounts {
			number, iban := statement.AccountNumber(a)
			if !iban || number == was.Value {
				continue
			}
			if number == now.Value || ibanOf(was.Number, was.Currency, []string{number}) == number {
				return i, "account", a
			}
		}
	}
	if i := r.CSVInstitution(was.Source); i != nil {
		return i, "servicer", ""
	}
	return r.project.InstitutionOf(was.Source, was.Number), "accounts", ""
}
