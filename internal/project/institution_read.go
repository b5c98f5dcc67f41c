// Reads institutions/*.yaml.

package project

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// ibanShape matches an IBAN without the spaces that people write between groups of characters.
var ibanShape = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}\*?$`)

// parseInstitution reads an institution's file. The institution is never nil.
func parseInstitution(file string, data []byte) (*Institution, []Error) {
	src := newSourceFile(file)
	root := src.root(data)
	o := src.section(root, "", "institution", "servicer", "accounts", "closed", "statements", "reversals", "fitids", "csv")
	if root != nil || len(src.errs) == 0 {
		o.require("institution")
	}
	i := &Institution{Name: o.text("institution"), File: file, lines: src.lines}
	i.Line = src.lines.at("institution")
	if i.Name != "" && !namePattern.MatchString(i.Name) {
		o.fail("institution", "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", brief(i.Name))
	}
	i.Servicer = o.text("servicer")
	i.Accounts = readAccounts(o)
	i.Closed = readClosed(o, i)
	i.Statements = readCalendar(o)
	i.Reversals = readReversals(o)
	i.TemporaryIDs = readFITIDs(o) == TemporaryFITIDs
	if o.has("csv") {
		i.CSV = readCSVMapping(o)
	}
	return i, src.errs
}

// readClosed reads the last days of accounts by their numbers. If the institution has no servicer, these must be among its accounts.
func readClosed(o section, i *Institution) map[string]time.Time {
	if !o.has("closed") {
		return nil
	}
	days := map[string]time.Time{}
	s := o.sub("closed")
	for _, account := range s.keys {
		number := account
		if together := strings.ReplaceAll(account, " ", ""); ibanShape.MatchString(together) {
			number = together
		}
		if strings.HasSuffix(number, "*") {
			o.src.failAt(s.at(account), "`closed` lists %s: give the account's whole number", brief(account))
		} else if i.Servicer == "" && len(i.Accounts) > 0 && !i.claims(number) {
			o.src.failAt(s.at(account), "`closed` lists %s, which is not one of the `accounts`%s", brief(account), DidYouMean(number, i.Accounts))
		}
		days[number] = s.day(account, s.values[account])
	}
	return days
}

func readFITIDs(o section) string {
	text := o.text("fitids")
	if text != "" && text != LastingFITIDs && text != TemporaryFITIDs {
		o.fail("fitids", "is %s: use lasting or temporary", brief(text))
	}
	return text
}

func readReversals(o section) ReversalDirection {
	switch direction := o.text("reversals"); direction {
	case "", "own":
		return OwnReversals
	case string(OriginalReversals):
		return OriginalReversals
	default:
		o.fail("reversals", "is %s: use own or original", brief(direction))
		return OwnReversals
	}
}

func readAccounts(o section) []string {
	accounts := o.texts("accounts")
	for n, account := range accounts {
		path := item("accounts", n)
		if together := strings.ReplaceAll(account, " ", ""); ibanShape.MatchString(together) {
			account = together
			accounts[n] = account
		}
		beginning := strings.TrimSuffix(account, "*")
		switch {
		case strings.TrimSpace(account) != account || account == "":
			o.src.failAt(path, "`accounts` lists %s: an account number has no blanks around it", brief(account))
		case beginning == "":
			o.src.failAt(path, "`accounts` lists *, which is every account: give the beginning of the numbers, or a `servicer` instead")
		case strings.Contains(beginning, "*"):
			o.src.failAt(path, "`accounts` lists %s: only one * is allowed, at the end", brief(account))
		}
	}
	return accounts
}

// checkInstitutions rejects what two institutions both claim, because the owner would be ambiguous.
func checkInstitutions(institutions []*Institution) []Error {
	var errs []Error
	type claim struct{ what, value string }
	claims := map[claim]*Institution{}
	once := func(i *Institution, path, what, value, advice string) {
		if value == "" {
			return
		}
		if first := claims[claim{what, value}]; first != nil {
			errs = append(errs, Error{File: i.File, Line: i.lines.at(path), Message: fmt.Sprintf(
				"%s %s is declared in %s:%d already%s", what, brief(value), first.File, first.LineOf(what, value), advice)})
			return
		}
		claims[claim{what, value}] = i
	}
	for _, i := range institutions {
		once(i, "institution", "institution", i.Name, "")
		once(i, "servicer", "servicer", i.Servicer, ": distinguish the institutions by `accounts`")
		for n, account := range i.Accounts {
			once(i, item("accounts", n), "account", account, ": an account belongs to one institution")
		}
	}
	return errs
}

// LineOf returns the line of a value in an institution's file: of an `account` in its list, or of any other path.
func (i *Institution) LineOf(what, value string) int {
	for n, account := range i.Accounts {
		if what == "account" && account == value {
			return i.lines.at(item("accounts", n))
		}
	}
	return i.lines.at(what)
}
