// Refuses imports that bind what was imported differently.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rules"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// checkBindings refuses an import whose bindings differ from earlier ones, unless it reads again everything that
// depends on them. New bindings are recorded before anything is ingested.
func (r *reading) checkBindings(ctx context.Context, files []*File) error {
	fresh, otherwise := map[string]rules.Binding{}, map[string][2]rules.Binding{}
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		clear(fresh)
		clear(otherwise)
		for subject := range bindings(files) {
			key, now, was := rules.BindingKey(subject), r.bindings[subject], rules.Binding{}
			found, err := tx.Get(key, &was)
			switch {
			case err != nil:
				return err
			case !found:
				fresh[key] = now
			case !now.SameAs(&was):
				otherwise[key] = [2]rules.Binding{was, now}
			case now.Value != was.Value: // more is read than before
				now.Confirmed = was.Confirmed
				fresh[key] = now
			}
		}
		return nil
	})
	for key, g := range otherwise {
		left, wrong := r.filesNotReread(ctx, files, &g[0])
		if err = errors.Join(err, wrong); err == nil && len(left) > 0 {
			err = r.rules.ChangeError(&g[0], &g[1]).WithoutFiles(left)
		}
		g[1].Confirmed = true // when the import is recorded
		r.changedBindings[key] = g[1]
	}
	if err != nil || len(fresh) == 0 {
		return err
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error { return putAll(tx, "", fresh) })
}

// confirmBindings keeps the bindings of what was accepted, and removes those of parts that are in quarantine as a
// whole: these may be declared differently.
func confirmBindings(tx catalog.Tx, files []*File) error {
	taken := map[identity.Digest]bool{}
	for subject, p := range bindings(files) {
		taken[subject] = taken[subject] || p.Quarantined == ""
	}
	for subject, some := range taken {
		var g rules.Binding
		key := rules.BindingKey(subject)
		found, err := tx.Get(key, &g)
		switch {
		case err != nil:
			return err
		case !found || g.Confirmed:
		case some:
			g.Confirmed = true
			err = tx.Put(key, g)
		default:
			err = tx.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func bindings(files []*File) iter.Seq2[identity.Digest, *imported.Part] {
	return func(yield func(identity.Digest, *imported.Part) bool) {
		for _, f := range files {
			for i := range f.Parts {
				for _, subject := range f.Parts[i].Bindings {
					if !yield(subject, &f.Parts[i]) {
						return
					}
				}
			}
		}
	}
}

// filesNotReread names the files that depend on a changed binding and that the import does not read again: their rows
// would stay as they were.
func (r *reading) filesNotReread(ctx context.Context, files []*File, was *rules.Binding) (left []string, err error) {
	statements, err := r.View(ctx, project.StatementStream)
	if err != nil {
		return nil, err
	}
	entries, err := r.View(ctx, project.EntryStream)
	if err != nil {
		return nil, err
	}
	stream := statements
	var where string
	switch was.Aspect {
	case rules.ReferencesAspect, rules.MappingAspect:
		where = "format = " + imported.SQLList(was.Source)
	case rules.FITIDsAspect:
		h := r.rules.Account(&statement.Statement{Format: "ofx", Servicer: was.Source, Account: was.Number})
		where = "format LIKE 'ofx%' AND account = " + imported.SQLList(h.Account)
	case rules.ReversalsAspect:
		h := r.rules.Account(&statement.Statement{Format: "camt", Servicer: was.Source, Account: was.Number})
		stream = entries
		where = fmt.Sprintf("reversal AND account = %s AND takes_back IS NULL AND id NOT IN (SELECT takes_back FROM (%s) WHERE takes_back IS NOT NULL)", imported.SQLList(h.Account), entries)
	case rules.AccountAspect:
		where = fmt.Sprintf("account = %s AND servicer = %s", imported.SQLList(was.Value), imported.SQLList(was.Servicer))
	default:
		return nil, fmt.Errorf("bug: it is not known which files depend on %s", was.Aspect)
	}
	if stream == "" {
		return nil, nil
	}
	earlier, err := imported.ListRereads(ctx, r.Catalog)
	if err != nil {
		return nil, err
	}
	here, uncounted := rereadFiles(files), earlier.Removed()
	err = imported.Query(ctx, r.ObjectFiles, r.Duck, "SELECT object, file, id FROM ("+stream+") WHERE "+where+" ORDER BY file, object", func(row []string) error {
		if here[row[0]] == nil && !uncounted[row[2]] && (len(left) == 0 || left[len(left)-1] != row[1]) {
			left = append(left, row[1])
		}
		return nil
	})
	return left, err
}
