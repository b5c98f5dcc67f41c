// Institutions: who sends statements, for which accounts, when, and how their CSV files are read.

package project

import (
	"strings"
	"time"
)

// Institution is one declared institution: a bank, or whoever else keeps accounts.
type Institution struct {
	Name       string
	File       string // path of the institution's file, as errors name it
	Line       int
	Servicer   string               // its BIC, or its bank id as files state it; empty if undeclared
	Accounts   []string             // account numbers, or beginnings of such that end in *
	Closed     map[string]time.Time // accounts that were closed, and the last day on which a statement of each is expected
	Statements Calendar
	Reversals  ReversalDirection // how its CAMT files write reversals
	Temporary  bool              // its OFX files give an entry another FITID each time
	CSV        *CSVMapping       // nil if it sends none

	lines lines // where each key stands in File
}

// ReversalDirection is the direction that entries have which take others back.
type ReversalDirection string

// The directions of reversals.
const (
	OwnReversals      ReversalDirection = ""         // that of what they do to the account
	OriginalReversals ReversalDirection = "original" // that of the entry that they take back
)

// What FITIDs of OFX files are declared to be: an entry has its own in every file, or another one in the next.
const (
	LastingFITIDs   = "lasting" // also where nothing is declared
	TemporaryFITIDs = "temporary"
)

// bicOfBank is how long a BIC is that stands for a bank as a whole; branchBIC one that names a branch of it.
const (
	bicOfBank = 8
	branchBIC = 11
)

// InstitutionOf finds the institution that keeps an account, or nil: the one that names the account, else the one that
// names its longest beginning, else the one of that servicer. A declared BIC of eight characters stands for all branches that
// have none of their own.
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

// accountOwner is the institution whose accounts hold this one: by its number, else by its longest beginning.
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

// claims reports whether an account is one of those that the institution declares.
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
