// Institutions: who sends statements, for which accounts and on which days, and how institutions/*.yaml is read.

package project

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"bursar/internal/project/doc"
)

// Institution is one declared institution: a bank, or another keeper of accounts.
type Institution struct {
	Name         string
	File         string // path of the institution's file, as in errors
	Line         int
	Servicer     string               // its BIC, or its bank id as files state it; empty if undeclared
	Accounts     []string             // account numbers, or prefixes of account numbers followed by *
	Closed       map[string]time.Time // by closed account: the last day for which a statement is expected
	Statements   Calendar
	Reversals    ReversalDirection // how its CAMT files write reversals
	TemporaryIDs bool              // the FITID of an entry differs between its OFX files
	CSV          *CSVMapping       // nil if it sends no CSV files
	Connection   *Connection       // nil if its accounts are not fetched

	source
}

// ReversalDirection is the direction of entries that reverse other entries.
type ReversalDirection string

// The directions of reversals.
const (
	OwnReversals      ReversalDirection = ""         // that of their effect on the account
	OriginalReversals ReversalDirection = "original" // that of the reversed entry
)

// The declared kinds of FITIDs in OFX files: the FITID of an entry is the same in every file, or another one in the next.
const (
	LastingFITIDs   = "lasting" // the default
	TemporaryFITIDs = "temporary"
)

// bicOfBank is the length of a BIC of a whole bank; branchBIC that of a BIC of a branch.
const (
	bicOfBank = 8
	branchBIC = 11
)

// InstitutionOf finds the institution of an account, or nil: the one that declares the account, else the one with the longest prefix
// of it, else the one of the servicer. A declared BIC of eight characters matches all branches that are not declared themselves.
func (p *Project) InstitutionOf(servicer, account string) *Institution {
	if i := p.accountOwner(account); i != nil || servicer == "" {
		return i
	}
	var bank *Institution
	for _, i := range p.Institutions {
		switch {
		case i.Servicer == servicer:
			return i
		case len(i.Servicer) == bicOfBank && len(servicer) == branchBIC && strings.HasPrefix(servicer, i.Servicer):
			bank = i
		}
	}
	return bank
}

// accountOwner finds the institution that declares an account, by its number or else by the longest prefix.
func (p *Project) accountOwner(account string) *Institution {
	var best *Institution
	longest := 0
	for _, i := range p.Institutions {
		for _, claimed := range i.Accounts {
			beginning, isPrefix := strings.CutSuffix(claimed, "*")
			switch {
			case !isPrefix && claimed == account:
				return i
			case isPrefix && len(beginning) > longest && strings.HasPrefix(account, beginning):
				best, longest = i, len(beginning)
			}
		}
	}
	return best
}

func (i *Institution) claims(account string) bool {
	return (&Project{Institutions: []*Institution{i}}).accountOwner(account) == i
}

// ibanShape matches an IBAN without the spaces that people write between groups of characters.
var ibanShape = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}\*?$`)

// accountNumber removes the spaces of an IBAN. Other numbers stay as they are.
func accountNumber(text string) string {
	if together := strings.ReplaceAll(text, " ", ""); ibanShape.MatchString(together) {
		return together
	}
	return text
}

// parseInstitution reads an institution's file. The institution is never nil.
func parseInstitution(file string, data []byte) (*Institution, []doc.Error) {
	src := doc.NewFile(file)
	root := src.Root(data)
	o := src.Section(root, "", "institution", "servicer", "accounts", "closed", "statements", "reversals", "fitids", "csv",
		"connector", "limits", "refresh", "breaker", "login")
	if root != nil || len(src.Errs) == 0 {
		o.Require("institution")
	}
	i := &Institution{Name: o.Text("institution"), File: file, source: source{lines: src.Lines}}
	i.Line = src.Lines.At("institution")
	if i.Name != "" && !doc.IsName(i.Name) {
		o.Fail("institution", "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", doc.Brief(i.Name))
	}
	i.Servicer = o.Text("servicer")
	i.Accounts = readAccounts(o)
	i.Closed = readClosed(o, i)
	i.Statements = readCalendar(o)
	if o.OneOf("reversals", "own", string(OriginalReversals)) == string(OriginalReversals) {
		i.Reversals = OriginalReversals
	}
	i.TemporaryIDs = o.OneOf("fitids", LastingFITIDs, TemporaryFITIDs) == TemporaryFITIDs
	if o.Has("csv") {
		i.CSV = readCSVMapping(o)
	}
	i.Connection = readConnection(o)
	i.nameServicer(o)
	return i, src.Errs
}

// nameServicer makes the bank id of an OFX connector the servicer of an institution that declares none: the statements that are fetched name it, and are
// read by this file. Without one, what the file says of FITIDs would apply to no statement.
func (i *Institution) nameServicer(o doc.Section) {
	if i.Connection == nil || i.Servicer != "" || len(i.Accounts) > 0 {
		return
	}
	if id := i.Connection.Settings["bank_id"]; i.Connection.Kind == OFXConnector && !IsReference(id) {
		i.Servicer = id
	}
	if i.TemporaryIDs && i.Servicer == "" {
		o.Fail("fitids", "applies to statements of the `servicer` or the `accounts` of this file: declare one of them")
	}
}

// readClosed reads the last days of accounts by their numbers. If the institution has no servicer, these must be among its accounts.
func readClosed(o doc.Section, i *Institution) map[string]time.Time {
	if !o.Has("closed") {
		return nil
	}
	days := map[string]time.Time{}
	s := o.Sub("closed")
	for _, account := range s.Keys {
		number := accountNumber(account)
		if strings.HasSuffix(number, "*") {
			o.Src.FailAt(s.At(account), "`closed` lists %s: give the account's whole number", doc.Brief(account))
		} else if i.Servicer == "" && len(i.Accounts) > 0 && !i.claims(number) {
			o.Src.FailAt(s.At(account), "`closed` lists %s, which is not one of the `accounts`%s", doc.Brief(account), doc.DidYouMean(number, i.Accounts))
		}
		days[number] = readDay(s, account, s.Values[account])
	}
	return days
}

func readAccounts(o doc.Section) []string {
	accounts := o.Texts("accounts")
	for n, account := range accounts {
		path := item("accounts", n)
		account = accountNumber(account)
		accounts[n] = account
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
