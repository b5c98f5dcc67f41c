// Adding, reading, changing and removing accounts.

package account

import (
	"context"
	"fmt"
	"maps"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Institution are the counts of an institution.
type Institution struct {
	Accounts  int    `json:"accounts"`
	Day       string `json:"day,omitempty"`
	Scheduled int    `json:"scheduled,omitempty"` // refreshes begun that day
	ByPerson  int    `json:"by_person,omitempty"`
}

func institutionOf(tx catalog.Tx, name string) (i Institution, err error) {
	_, err = tx.Get(institutionPrefix+name, &i)
	return i, err
}

// Add records accounts, each due at its Next. One that exists keeps its record; added are those that did not. Those with the same id at the institution are
// one account.
func (s *Accounts) Add(ctx context.Context, list []Account) (added []Ref, err error) {
	for i := range list {
		if err := CheckID(list[i].Account); err != nil {
			return nil, err
		}
	}
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		added = nil
		for _, a := range list {
			exists, err := tx.Get(key(a.Ref), &Account{})
			if err != nil {
				return err
			}
			if exists {
				continue
			}
			a.Added, a.Since, a.State = s.Now().UTC(), s.Now().UTC(), Waiting
			i, err := institutionOf(tx, a.Institution)
			if err != nil {
				return err
			}
			i.Accounts++
			if err := tx.Put(institutionPrefix+a.Institution, i); err != nil {
				return err
			}
			if err := put(tx, nil, &a); err != nil {
				return err
			}
			added = append(added, a.Ref)
		}
		return nil
	})
	return added, err
}

// put writes a record, and keeps the index of what is due. before is the record as it was; nil if there was none.
func put(tx catalog.Tx, before, a *Account) error {
	was := time.Time{}
	if before != nil && !before.Running {
		was = before.Next
	}
	is := a.Next
	if a.Running {
		is = time.Time{}
	}
	if !was.Equal(is) {
		if !was.IsZero() {
			if err := tx.Delete(dueKey(a.Ref, was)); err != nil {
				return err
			}
		}
		if !is.IsZero() {
			if err := tx.Put(dueKey(a.Ref, is), a.Ref); err != nil {
				return err
			}
		}
	}
	return tx.Put(key(a.Ref), a)
}

// Get returns the record of an account.
func (s *Accounts) Get(ctx context.Context, r Ref) (*Account, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (*Account, error) { return get(tx, r) })
}

// page is how many accounts are read in one transaction.
const page = 500

// Each calls fn once for each account, of one institution or of all if it is empty, sorted by institution and id. fn may take its time and use the
// catalog: it is called outside of the transactions, each of which reads a page.
func (s *Accounts) Each(ctx context.Context, institution string, fn func(*Account) error) error {
	prefix := accountPrefix
	if institution != "" {
		prefix += institution + "/"
	}
	for after := ""; ; {
		list, err := s.page(ctx, prefix, after)
		if err != nil {
			return err
		}
		for i := range list {
			if err := fn(&list[i]); err != nil {
				return failure.UnlessStopped(err)
			}
		}
		if len(list) < page {
			return nil
		}
		after = key(list[page-1].Ref)
	}
}

// page returns the accounts behind a key, at most so many as a page has.
func (s *Accounts) page(ctx context.Context, prefix, after string) ([]Account, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (list []Account, err error) {
		for a, err := range catalog.Documents[Account](tx, prefix, after) {
			if err != nil || len(list) == page {
				return list, err
			}
			list = append(list, a)
		}
		return list, nil
	})
}

// Institution returns the counts of an institution, those of refreshes for today.
func (s *Accounts) Institution(ctx context.Context, name string) (Institution, error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (Institution, error) {
		i, err := institutionOf(tx, name)
		i.turnDay(s.Now().UTC())
		return i, err
	})
}

// change applies fn to the record of an account in one transaction. fn may be called more than once.
func (s *Accounts) change(ctx context.Context, r Ref, fn func(tx catalog.Tx, a *Account) error) (out *Account, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		a, err := get(tx, r)
		if err != nil {
			return err
		}
		before := *a
		if err := fn(tx, a); err != nil {
			return err
		}
		out = a
		return put(tx, &before, a)
	})
	return out, err
}

// relinked is the reason why an account waits that is due, or goes on, because of new credentials.
const relinked = "it has new credentials"

// SetCredentials replaces references to credentials, by what they are for. A refresh that waits for them may go on, and an account whose last refresh
// has failed is due at once.
func (s *Accounts) SetCredentials(ctx context.Context, r Ref, references map[string]string) (*Account, error) {
	return s.change(ctx, r, func(_ catalog.Tx, a *Account) error {
		changed := maps.Clone(a.Credentials)
		if changed == nil {
			changed = map[string]string{}
		}
		maps.Copy(changed, references)
		a.Credentials = changed
		switch now := s.Now().UTC(); {
		case a.Running && a.State == Rejected:
			a.set(Waiting, relinked, now)
		case !a.Running && a.Outcome == Failed:
			a.Next, a.Failures, a.Reason, a.Class = now, 0, relinked, ""
		}
		return nil
	})
}

// Remove forgets an account. What was stored of it stays. An account with a running refresh is refused.
func (s *Accounts) Remove(ctx context.Context, r Ref) error {
	return s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		a, err := get(tx, r)
		if err != nil {
			return err
		}
		if a.Running {
			return failure.Wrap(failure.Data, fmt.Errorf("account %s is being refreshed: remove it when that has ended; `bursar account status %s` says where it is", r, r))
		}
		i, err := institutionOf(tx, r.Institution)
		if err != nil {
			return err
		}
		i.Accounts = max(i.Accounts-1, 0)
		if err := tx.Put(institutionPrefix+r.Institution, i); err != nil {
			return err
		}
		if !a.Next.IsZero() {
			if err := tx.Delete(dueKey(r, a.Next)); err != nil {
				return err
			}
		}
		for _, key := range []string{key(r), runningKey(r)} {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}
