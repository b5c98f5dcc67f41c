// Records statements by their days and opening balance, so that an import knows whether it has another version of a stored one.

package aggregate

import (
	"bufio"
	"context"
	"errors"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// daysKnown exists once all stored statements are recorded by their days.
const daysKnown = "statements/days-known"

// maxVersions is how many statements are looked up at a time.
const maxVersions = 1 << 14

// statementRow is what is read of a row of the stream of statements.
type statementRow struct {
	faulty
	ID       string `json:"id"`
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

// versionRows finds statements with another version that is stored or was found before, and writes slots for those that have none.
type versionRows struct {
	known     map[digest][]slot // by daysDigest
	waiting   []statementRow
	find      func(ctx context.Context, days []digest) (map[digest][]slot, error)
	write     func(row) error
	onVersion func(*statementRow) // called for a statement that has another version
}

func (v *versionRows) add(ctx context.Context, s *statementRow) error {
	if v.waiting = append(v.waiting, *s); len(v.waiting) < maxVersions {
		return nil
	}
	return v.flush(ctx)
}

func (v *versionRows) flush(ctx context.Context) error {
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

func (v *versionRows) addOne(s *statementRow) error {
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

// searchDays records all stored statements by their days, once in the life of a project.
func (r *reading) searchDays(ctx context.Context) error {
	return r.searchOnce(ctx, daysKnown, "stored statements", func(ctx context.Context, to *bufio.Writer) (rows int64, err error) {
		view, err := r.View(ctx, project.StatementStream)
		if err != nil || view == "" {
			return 0, err
		}
		awaiting := map[string]faulty{}
		v := &versionRows{
			known: map[digest][]slot{}, find: func(context.Context, []digest) (map[digest][]slot, error) { return nil, nil },
			write:     func(line row) error { rows++; _, err := to.Write(line); return err },
			onVersion: func(s *statementRow) { awaiting[s.ID] = s.awaits() },
		}
		sql := "SELECT id, kind, servicer, account, currency, CAST(from_day AS VARCHAR), CAST(to_day AS VARCHAR), CAST(opening AS VARCHAR), CAST(closing AS VARCHAR), page FROM (" +
			view + ") WHERE kind = 'statement' AND fault IS NULL AND (opening IS NOT NULL OR page IS NOT NULL) AND closing IS NOT NULL " +
			"ORDER BY servicer, account, currency, from_day, to_day, opening, closing, id"
		err = queryRows(ctx, r.Duck, sql, func(row []string) error {
			s := &statementRow{faulty{Account: row[3], From: row[5], To: row[6]}, row[0], row[1], row[2], row[4], row[7], row[8], row[9]}
			if _, same := v.known[s.daysDigest()]; !same && len(v.waiting) == 0 {
				clear(v.known)
			}
			return v.add(ctx, s)
		})
		if err == nil {
			err = v.flush(ctx)
		}
		return rows, errors.Join(err, r.recordFaulty(ctx, awaiting))
	})
}

// awaits is what is recorded of a statement until the next one decides between its versions.
func (s *statementRow) awaits() faulty {
	f := s.faulty
	f.Awaits = true
	return f
}

// decide notes the day of the statement that decides which version counts.
func (r *reading) decide(d *Decision) {
	for _, s := range d.Balanced {
		for _, page := range s.Pages {
			if s.Decided && r.awaiting[page.ID] {
				r.decided[page.ID] = s.Day
			}
		}
	}
}

// recordDecided runs once what only a superseded version lists is cancelled: statements after those days need not check it any more.
func (r *reading) recordDecided(ctx context.Context) error {
	if len(r.decided) == 0 {
		return nil
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for id, day := range r.decided {
			var f faulty
			found, err := tx.Get(faultyPrefix+id, &f)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			f.Next = day
			if err := tx.Put(faultyPrefix+id, f); err != nil {
				return err
			}
		}
		return nil
	})
}
