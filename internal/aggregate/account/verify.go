// Verification of the records of accounts: the lists of what is due and of what was begun, and the number of accounts.

package account

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/catalog"
)

// verification collects what the records say, and compares it with the lists.
type verification struct {
	faults   []string
	due      map[string]string // account by the key of the list
	begun    map[string]Ref    // by the key of the list: begun, and nothing was fetched
	known    map[string]bool   // keys of the records that run, and may have such a key
	accounts map[string]int    // by institution
	count    int
}

// Verify checks that exactly the accounts with a next refresh are listed as due, at that time; that each refresh which has fetched nothing yet is
// listed, and nothing else; and that institutions count their accounts. It returns the differences, sorted, and the number of accounts. All is read in
// one state of the catalog.
func (s *Accounts) Verify(ctx context.Context) (accounts int, faults []string, err error) {
	v, err := catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (*verification, error) {
		v := &verification{due: map[string]string{}, begun: map[string]Ref{}, known: map[string]bool{}, accounts: map[string]int{}}
		for a, err := range catalog.Documents[Account](tx, accountPrefix, "") {
			if err != nil {
				return nil, err
			}
			v.add(&a)
		}
		for _, check := range []func(catalog.Tx) error{v.checkDue, v.checkBegun, v.checkCounts} {
			if err := check(tx); err != nil {
				return nil, err
			}
		}
		return v, nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("verify accounts: %w", err)
	}
	slices.Sort(v.faults)
	return v.count, v.faults, nil
}

func (v *verification) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// add notes what a record says.
func (v *verification) add(a *Account) {
	v.count++
	v.accounts[a.Institution]++
	switch {
	case !a.Running && !a.Next.IsZero():
		v.due[dueKey(a.Ref, a.Next)] = a.String()
	case a.Running && a.Begun.IsZero():
		v.begun[runningKey(a.Ref)] = a.Ref
	}
	if a.Running && (a.State == Waiting || a.State == Fetching) {
		v.known[runningKey(a.Ref)] = true
	}
}

// checkDue compares the list of what is due with the records.
func (v *verification) checkDue(tx catalog.Tx) error {
	err := tx.List(duePrefix, func(key string, _ json.RawMessage) error {
		if v.due[key] == "" {
			v.fault("%s is listed as due, which no account is at that time", strings.TrimPrefix(key, duePrefix))
		}
		delete(v.due, key)
		return nil
	})
	for _, ref := range v.due {
		v.fault("account %s is not listed as due, so that it is never refreshed: `bursar account refresh %[1]s`", ref)
	}
	return err
}

// checkBegun compares the list of refreshes that have fetched nothing yet with the records.
func (v *verification) checkBegun(tx catalog.Tx) error {
	err := tx.List(runningPrefix, func(key string, _ json.RawMessage) error {
		if !v.known[key] {
			v.fault("%s is listed as begun, but no refresh of it waits for its turn", strings.TrimPrefix(key, runningPrefix))
		}
		delete(v.begun, key)
		return nil
	})
	for _, ref := range v.begun {
		v.fault("the refresh of account %s was begun, and is not listed: its workflow is not started again if it is lost", ref)
	}
	return err
}

// checkCounts compares the number of accounts of each institution with the records.
func (v *verification) checkCounts(tx catalog.Tx) error {
	err := tx.List(institutionPrefix, func(key string, value json.RawMessage) error {
		var i Institution
		if err := json.Unmarshal(value, &i); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		name := strings.TrimPrefix(key, institutionPrefix)
		if i.Accounts != v.accounts[name] {
			v.fault("institution %s counts %d accounts, and there are %d", name, i.Accounts, v.accounts[name])
		}
		delete(v.accounts, name)
		return nil
	})
	for name, n := range v.accounts {
		v.fault("institution %s counts no accounts, and there are %d", name, n)
	}
	return err
}
