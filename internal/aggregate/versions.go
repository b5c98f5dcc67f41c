// Records statements by their days and opening balance, so that an import knows whether it has another version of a stored one.

package aggregate

import (
	"bufio"
	"context"
	"errors"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// daysKnown exists once all stored statements are recorded by their days.
const daysKnown = "statements/days-known"

// maxVersions is how many statements are looked up at a time.
const maxVersions = 1 << 14

// statementRow is what is read of a row of the stream of statements.
type statementRow struct {
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

// mayHaveVersions reports whether it may be one of two versions that both balance, or a page in which they differ:
// pages may state the opening balance on the first page and the closing one on the last.
func (s *statementRow) mayHaveVersions() bool {
	return s.Kind == string(statement.Booked) && s.Closing != "" && (s.Opening != "" || s.Page != "")
}

// daysDigest identifies what versions of a statement have in common.
func (s *statementRow) daysDigest() digest {
	return digestOf("days", s.Servicer, s.Account, s.Currency, s.From, s.To, statement.NormalAmount(s.Opening))
}

// slot is the slot of this version of the statement.
func (s *statementRow) slot() slot {
	return slot{entry: s.daysDigest(), listing: listing{Opening: statement.NormalAmount(s.Opening), Closing: statement.NormalAmount(s.Closing), First: s.From, Last: s.To}}
}

// versionNames finds statements with another version that is stored or was found before, and writes slots for those that have none.
type versionNames struct {
	known     map[digest][]slot // by daysDigest
	waiting   []statementRow
	find      func(ctx context.Context, days []digest) (map[digest][]slot, error)
	write     func(row) error
	onVersion func(*statementRow) // called for a statement that has another version
}

// newVersions begins to look for other versions. It writes slots, and passes on each statement that has another version.
func (n *storedNames) newVersions(write func(row) error, onVersion func(*statementRow)) *versionNames {
	return &versionNames{known: map[digest][]slot{}, find: n.slots, write: write, onVersion: onVersion}
}

// add adds a statement. Some are looked up together, the last ones by flush.
func (v *versionNames) add(ctx context.Context, s *statementRow) error {
	if v.waiting = append(v.waiting, *s); len(v.waiting) < maxVersions {
		return nil
	}
	return v.flush(ctx)
}

func (v *versionNames) flush(ctx context.Context) error {
	wanted := map[digest]bool{}
	var days []digest
	for i := range v.waiting {
		d := v.waiting[i].daysDigest()
		if _, known := v.known[d]; !known && !wanted[d] {
			wanted[d], days = true, append(days, d)
		}
	}
	found, err := v.find(ctx, days)
	for d, slots := range found {
		v.known[d] = slots
	}
	for i := 0; i < len(v.waiting) && err == nil; i++ {
		err = v.addOne(&v.waiting[i])
	}
	v.waiting = v.waiting[:0]
	return err
}

func (v *versionNames) addOne(s *statementRow) error {
	own := s.slot()
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
	return v.write(slotRow(&namedEntry{day: s.To, listed: true}, own.entry, slotID(own.entry, len(known)+1), &own.listing))
}

// searchDays records all stored statements by their days, once in the life of a project. Before, it passes on those
// that have another version.
func (n *storedNames) searchDays(ctx context.Context, versions func([]statementRow) error) error {
	return n.searchOnce(ctx, daysKnown, "stored statements", func(ctx context.Context, to *bufio.Writer) (written int64, err error) {
		view, err := n.View(ctx, project.StatementStream)
		if err != nil || view == "" {
			return 0, err
		}
		var found []statementRow
		v := &versionNames{
			known: map[digest][]slot{}, find: func(context.Context, []digest) (map[digest][]slot, error) { return nil, nil },
			write:     func(line row) error { written++; _, err := to.Write(line); return err },
			onVersion: func(s *statementRow) { found = append(found, *s) },
		}
		sql := "SELECT id, kind, servicer, account, currency, CAST(from_day AS VARCHAR), CAST(to_day AS VARCHAR), CAST(opening AS VARCHAR), CAST(closing AS VARCHAR), page FROM (" +
			view + ") WHERE kind = 'statement' AND fault IS NULL AND (opening IS NOT NULL OR page IS NOT NULL) AND closing IS NOT NULL " +
			"ORDER BY servicer, account, currency, from_day, to_day, opening, closing, id"
		err = queryRows(ctx, n.Duck, sql, func(row []string) error {
			s := &statementRow{row[0], row[3], row[5], row[6], row[1], row[2], row[4], row[7], row[8], row[9]}
			if _, same := v.known[s.daysDigest()]; !same && len(v.waiting) == 0 {
				clear(v.known)
			}
			return v.add(ctx, s)
		})
		if err == nil {
			err = v.flush(ctx)
		}
		return written, errors.Join(err, versions(found))
	})
}
