// Institutions: who sends statements, for which accounts and on which days, and how their CSV files are read.

package project

import (
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

	lines doc.Lines // line of each key in File
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

// claims reports whether the institution declares an account.
func (i *Institution) claims(account string) bool {
	return (&Project{Institutions: []*Institution{i}}).accountOwner(account) == i
}

// Institution finds an institution by name, or nil.
func (p *Project) Institution(name string) *Institution {
	for _, i := range p.Institutions {
		if i.Name == name {
			return i
		}
	}
	return nil
}
