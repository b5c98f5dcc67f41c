// Records statements by their days and opening balance, so that an import knows whether it has another version of a stored one.

package match

import (
	"bufio"
	"context"
	"errors"
	"maps"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/project"
)

// daysKnown exists once all stored statements are recorded by their days.
const daysKnown = "statements/days-known"

// maxVersions is how many statements are looked up at a time.
const maxVersions = 1 << 14

// Statement is what is read of a row of the stream of statements.
type Statement struct {
	ID       string `json:"id"`
	Account  string `json:"account"`
	From     string `json:"from_day"`
	To       string `json:"to_day"`
	Kind     string `json:"kind"`
	Servicer string `json:"servicer"`
	Currency string `json:"currency"`
	Opening  string `json:"opening"`
	Closing  string `json:"closing"`
	Page     string `json:"page"`
}

// MayHaveVersions reports whether it may be one of two versions that both balance, or a page in which they differ:
// pages may state the opening balance on the first page and the closing one on the last.
func (s *Statement) MayHaveVersions() bool {
	return s.Kind == string(statement.Booked) && s.Closing != "" && (s.Opening != "" || s.Page != "")
}

// daysDigest identifies what versions of a statement have in common.
func (s *Statement) daysDigest() identity.Digest {
	return identity.Of("days", s.Servicer, s.Account, s.Currency, s.From, s.To, statement.NormalAmount(s.Opening))
}

// Versions finds statements with another version that is stored or was found before, and writes slots for those that have none.
type Versions struct {
	known     map[identity.Digest][]slot // by daysDigest
	waiting   []Statement
	find      func(ctx context.Context, days []identity.Digest) (map[identity.Digest][]slot, error)
	write     func(rows.Row) error
	onVersion func(*Statement) // called for a statement that has another version
}

// NewVersions begins to look for other versions. It writes slots, and passes on each statement that has another version.
func (s *Names) NewVersions(write func(rows.Row) error, onVersion func(*Statement)) *Versions {
	return &Versions{known: map[identity.Digest][]slot{}, find: s.slots, write: write, onVersion: onVersion}
}

// Add adds a statement. Some are looked up together, the last ones by flush.
func (v *Versions) Add(ctx context.Context, s *Statement) error {
	if v.waiting = append(v.waiting, *s); len(v.waiting) < maxVersions {
		return nil
	}
	return v.Flush(ctx)
}

// Flush looks up the statements that wait for it.
func (v *Versions) Flush(ctx context.Context) error {
	wanted := map[identity.Digest]bool{}
	var days []identity.Digest
	for i := range v.waiting {
		d := v.waiting[i].daysDigest()
		if _, known := v.known[d]; !known && !wanted[d] {
			wanted[d], days = true, append(days, d)
		}
	}
	found, err := v.find(ctx, days)
	maps.Copy(v.known, found)
	for i := 0; i < len(v.waiting) && err == nil; i++ {
		err = v.addOne(&v.waiting[i])
	}
	v.waiting = v.waiting[:0]
	return err
}

func (v *Versions) addOne(s *Statement) error {
	own := slot{entry: s.daysDigest(), listing: rows.Listing{
		Opening: statement.NormalAmount(s.Opening), Closing: statement.NormalAmount(s.Closing), First: s.From, Last: s.To,
	}}
	known := v.known[own.entry]
	for i := range known {
		if known[i].listing.Closing == own.listing.Closing {
			return nil
		}
	}
	if len(known) > 0 {
		v.onVersion(s)
	}
	v.known[own.entry] = append(known, own)
	return v.write(slotRow(&rows.NamedEntry{Day: s.To, Listed: true}, own.entry, identity.SlotID(own.entry, len(known)+1), &own.listing))
}

// SearchDays records all stored statements by their days, once in the life of a project. Before, it passes on those
// that have another version.
func (s *Names) SearchDays(ctx context.Context, versions func([]Statement) error) error {
	return s.searchOnce(ctx, daysKnown, "stored statements", func(ctx context.Context, to *bufio.Writer) (written int64, err error) {
		view, err := s.View(ctx, project.StatementStream)
		if err != nil || view == "" {
			return 0, err
		}
		var found []Statement
		v := &Versions{
			known: map[identity.Digest][]slot{}, find: func(context.Context, []identity.Digest) (map[identity.Digest][]slot, error) { return nil, nil },
			write:     func(line rows.Row) error { written++; _, err := to.Write(line); return err },
			onVersion: func(s *Statement) { found = append(found, *s) },
		}
		sql := "SELECT id, kind, servicer, account, currency, CAST(from_day AS VARCHAR), CAST(to_day AS VARCHAR), CAST(opening AS VARCHAR), CAST(closing AS VARCHAR), page FROM (" +
			view + ") WHERE kind = 'statement' AND fault IS NULL AND (opening IS NOT NULL OR page IS NOT NULL) AND closing IS NOT NULL " +
			"ORDER BY servicer, account, currency, from_day, to_day, opening, closing, id"
		err = imported.Query(ctx, s.ObjectFiles, s.Duck, sql, func(row []string) error {
			s := &Statement{row[0], row[3], row[5], row[6], row[1], row[2], row[4], row[7], row[8], row[9]}
			if _, same := v.known[s.daysDigest()]; !same && len(v.waiting) == 0 {
				clear(v.known)
			}
			return v.Add(ctx, s)
		})
		if err == nil {
			err = v.Flush(ctx)
		}
		return written, errors.Join(err, versions(found))
	})
}
