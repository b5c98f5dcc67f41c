// Verification of ledgers: what the transactions of each account add up to, for a comparison with the stored events.

package refresh

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/catalog"
)

// The prefixes of the documents of entries and outboxes.
const (
	entriesPrefix = "aggregate/entry/"
	outboxPrefix  = "aggregate/outbox/"
)

// LedgerKey names the transactions of an account in a currency.
type LedgerKey struct {
	account.Ref
	Currency string
}

// LedgerSums are the sums of some transactions, or of what events change them by.
type LedgerSums struct{ Posted, Pending statement.Sum }

// Minus is s - other.
func (s LedgerSums) Minus(other LedgerSums) LedgerSums {
	return LedgerSums{s.Posted.Minus(other.Posted), s.Pending.Minus(other.Pending)}
}

// Plus is s + other.
func (s LedgerSums) Plus(other LedgerSums) LedgerSums {
	return LedgerSums{s.Posted.Plus(other.Posted), s.Pending.Plus(other.Pending)}
}

// IsZero reports whether both sums are 0.
func (s LedgerSums) IsZero() bool { return s.Posted.Sign() == 0 && s.Pending.Sign() == 0 }

// Ledgers returns the sums of all transactions by account and currency, also of accounts that were removed, and calls waiting for each event that is
// fixed and may not be stored yet.
func Ledgers(tx catalog.Tx, waiting func(*ledger.Version)) (map[LedgerKey]LedgerSums, error) {
	all := map[LedgerKey]LedgerSums{}
	err := tx.List(entriesPrefix, func(key string, value json.RawMessage) error {
		var e ledger.Entry
		if err := json.Unmarshal(value, &e); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		ref, err := refOf(strings.TrimPrefix(key, entriesPrefix))
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		name := LedgerKey{ref, e.Currency}
		s := all[name]
		switch e.Status {
		case ledger.Posted:
			s.Posted.Add(e.Amount)
		case ledger.Pending:
			s.Pending.Add(e.Amount)
		}
		all[name] = s
		return nil
	})
	if err != nil {
		return nil, err
	}
	for box, err := range catalog.Documents[outbox](tx, outboxPrefix, "") {
		if err != nil {
			return nil, err
		}
		for i := range box.Transactions {
			waiting(&box.Transactions[i])
		}
	}
	return all, nil
}

// refOf reads the account of a key without its prefix.
func refOf(key string) (ref account.Ref, err error) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return ref, errors.New("it does not name an account and a transaction")
	}
	ref.Institution = parts[0]
	ref.Account, err = url.PathUnescape(parts[1])
	return ref, err
}

// SumsOf are what an event changes the sums by.
func SumsOf(v *ledger.Version) (LedgerKey, LedgerSums) {
	var s LedgerSums
	s.Posted.Add(v.PostedChange)
	s.Pending.Add(v.PendingChange)
	return LedgerKey{account.Ref{Institution: v.Institution, Account: v.Account}, v.Currency}, s
}
