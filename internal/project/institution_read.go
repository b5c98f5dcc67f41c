// Reads institutions/*.yaml.

package project

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"bursar/internal/project/doc"
)

// ibanShape matches an IBAN without the spaces that people write between groups of characters.
var ibanShape = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}\*?$`)

// parseInstitution reads an institution's file. The institution is never nil.
func parseInstitution(file string, data []byte) (*Institution, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "institution", "servicer", "accounts", "closed", "statements", "reversals", "fitids", "csv")
	if root != nil || len(src.Errs) == 0 {
		o.Require("institution")
	}
	i := &Institution{Name: o.Text("institution"), File: file, lines: src.Lines}
	i.Line = src.Lines.At("institution")
	if i.Name != "" && !doc.NamePattern.MatchString(i.Name) {
		o.Fail("institution", "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", doc.Brief(i.Name))
	}
	i.Servicer = o.Text("servicer")
	i.Accounts = readAccounts(o)
	i.Closed = readClosed(o, i)
	i.Statements = readCalendar(o)
	i.Reversals = readReversals(o)
	i.TemporaryIDs = readFITIDs(o) == TemporaryFITIDs
	if o.Has("csv") {
		i.CSV = readCSVMapping(o)
	}
	return i, src.Errs
}

// readClosed reads the last days of accounts by their numbers. If the institution has no servicer, these must be among its accounts.
func readClosed(o doc.Section, i *Institution) map[string]time.Time {
	if !o.Has("closed") {
		return nil
	}
	days := map[string]time.Time{}
	s := o.Sub("closed")
	for _, account := range s.Keys {
		number := account
		if together := strings.ReplaceAll(account, " ", ""); ibanShape.MatchString(together) {
			number = together
		}
		if strings.HasSuffix(number, "*") {
			o.Src.FailAt(s.At(account), "`closed` lists %s: give the account's whole number", doc.Brief(account))
		} else if i.Servicer == "" && len(i.Accounts) > 0 && !i.claims(number) {
			o.Src.FailAt(s.At(account), "`closed` lists %s, which is not one of the `accounts`%s", doc.Brief(account), doc.DidYouMean(number, i.Accounts))
		}
		days[number] = readDay(s, account, s.Values[account])
	}
	return days
}

func readFITIDs(o doc.Section) string {
	text := o.Text("fitids")
	if text != "" && text != LastingFITIDs && text != TemporaryFITIDs {
		o.Fail("fitids", "is %s: use lasting or temporary", doc.Brief(text))
	}
	return text
}

func readReversals(o doc.Section) ReversalDirection {
	switch direction := o.Text("reversals"); direction {
	case "", "own":
		return OwnReversals
	case string(OriginalReversals):
		return OriginalReversals
	default:
		o.Fail("reversals", "is %s: use own or original", doc.Brief(direction))
		return OwnReversals
	}
}

func readAccounts(o doc.Section) []string {
	accounts := o.Texts("accounts")
	for n, account := range accounts {
		path := item("accounts", n)
		if together := strings.ReplaceAll(account, " ", ""); ibanShape.MatchString(together) {
			account = together
			accounts[n] = account
		}
		beginning := strings.TrimSuffix(account, "*")
		switch {
		case strings.TrimSpace(account) != account || account == "":
			o.Src.FailAt(path, "`accounts` lists %s: an account number has no blanks around it", doc.Brief(account))
		case beginning == "":
			o.Src.FailAt(path, "`accounts` lists *, which is every account: give the beginning of the numbers, or a `servicer` instead")
		case strings.Contains(beginning, "*"):
			o.Src.FailAt(path, "`accounts` lists %s: only one * is allowed, at the end", doc.Brief(account))
		}
	}
	return accounts
}

// checkInstitutions rejects what two institutions both claim, because the owner would be ambiguous.
func checkInstitutions(institutions []*Institution) []doc.Error {
	var errs []doc.Error
	type claim struct{ what, value string }
	claims := map[claim]*Institution{}
	once := func(i *Institution, path, what, value, advice string) {
		if value == "" {
			return
		}
		if first := claims[claim{what, value}]; first != nil {
			errs = append(errs, doc.Error{File: i.File, Line: i.lines.At(path), Message: fmt.Sprintf(
				"%s %s is declared in %s:%d already%s", what, doc.Brief(value), first.File, first.LineOf(what, value), advice)})
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
			return i.lines.At(item("accounts", n))
		}
	}
	return i.lines.At(what)
}
