// Cancels what is stored of statements that do not count, by events with the opposite amount (column takes_back).

package cancel

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/event/intake"
	"bursar/internal/project"
)

// cancelUncounted cancels what is stored of the uncounted statements of some accounts and of earlier readings of files,
// unless a counting statement lists it. left says why something may remain to be cancelled.
func (r *Adjustment) cancelUncounted(ctx context.Context, again map[string]*File, accounts map[string]bool) (entries int64, left string, err error) {
	if len(again) == 0 && len(accounts) == 0 {
		return 0, "", nil
	}
	o := &originals{objects: map[string]members{}, uncounted: map[string]bool{}, rereadObjects: slices.Sorted(maps.Keys(again))}
	o.parts, o.spans, o.mayRestore = map[string][]imported.Part{}, slices.Clone(r.Restated), len(r.Restated) > 0
	for object, f := range again {
		if f.Retracted {
			o.retracted = append(o.retracted, f.Accounts...)
		}
		o.parts[object] = f.Parts
	}
	if err := r.findRemoved(ctx, again, o, accounts); err != nil {
		return 0, "", err
	}
	earlier, err := imported.ListRereads(ctx, r.Catalog)
	if err != nil {
		return 0, "", err
	}
	o.uncountedBefore = earlier.Removed()
	if len(accounts) > 0 {
		reduced, err := r.cancelledAccounts(ctx)
		if err != nil {
			return 0, "", err
		}
		uncounted := maps.Clone(o.uncountedBefore)
		maps.Copy(uncounted, o.uncounted)
		q := completeness.Query{Accounts: slices.Sorted(maps.Keys(accounts))}
		err = r.completeness().Decide(ctx, q, uncounted, func(account string, byKind []completeness.Versions) error {
			r.Decided(&byKind[0])
			if reduced[account] {
				o.addContested(byKind[0].Balanced, r.Awaiting)
			}
			for i := range byKind {
				o.addVersions(&byKind[i])
			}
			return nil
		})
		if err != nil {
			return 0, "", err
		}
	}
	if len(again) == 0 && len(o.objects) == 0 {
		return 0, "", nil
	}
	return r.cancelUnlisted(ctx, o)
}

func (r *Adjustment) completeness() *completeness.Accounts {
	return &completeness.Accounts{Streams: *r.Streams}
}

// cancelUnlisted reads the originals, cancels what only uncounted statements list, and restores what was cancelled
// before and counts now. If a part of an original cannot be read any more, it is not known what only uncounted
// statements list: nothing is cancelled, and left names the part, unless the part cannot matter.
func (r *Adjustment) cancelUnlisted(ctx context.Context, o *originals) (entries int64, left string, err error) {
	uncounted := maps.Clone(o.uncountedBefore)
	maps.Copy(uncounted, o.uncounted)
	l, err := r.newRelisted("listed", uncounted)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	l.parts = o.parts
	if len(o.retracted) > 0 {
		if l.contradicted, err = r.completeness().Contradictions(ctx); err != nil {
			return 0, "", err
		}
	}
	for _, object := range o.rereadObjects {
		o.objects[object] = nil
	}
	var missing []unreadPart
	for _, object := range slices.Sorted(maps.Keys(o.objects)) {
		some, err := l.readOriginal(ctx, object, o.objects[object])
		if err != nil {
			return 0, "", err
		}
		missing = append(missing, some...)
	}
	ids, err := l.writeIDFiles(ctx)
	if err != nil {
		return 0, "", err
	}
	if len(missing) > 0 {
		left, err = r.reasonLeft(ctx, ids, o, missing)
		return 0, left, errors.Join(err, r.restoreRows(ctx, l))
	}
	for _, stream := range listedStreams {
		sql, err := r.unlistedSQL(ctx, stream, ids[stream], o.rereadObjects, nil)
		if err != nil {
			return entries, "", err
		}
		if sql == "" {
			continue
		}
		result, err := r.ingestAnswers(ctx, stream, sql, "back", cancelling(identity.CancelID))
		if err != nil {
			return entries, "", err
		}
		if stream == project.EntryStream {
			entries = result.Accepted
		}
	}
	if known, err := imported.HasFlag(ctx, r.Catalog, imported.CorrectionsKnown); err != nil {
		return entries, "", err
	} else if known && len(o.retracted) > 0 {
		if err := r.recordUnlisted(ctx, ids[project.EntryStream], o.retracted); err != nil {
			return entries, "", err
		}
	}
	return entries, "", r.restoreRows(ctx, l)
}

// listedStreams are the streams of what statements list, in the order in which they are cancelled.
var listedStreams = []string{project.DetailStream, project.EntryStream, project.BalanceStream}

// reasonLeft says why nothing is cancelled without the unreadable parts of originals; empty if they list nothing that is to be cancelled.
func (r *Adjustment) reasonLeft(ctx context.Context, ids map[string]string, o *originals, missing []unreadPart) (string, error) {
	for _, stream := range listedStreams {
		sql, err := r.unlistedSQL(ctx, stream, ids[stream], o.rereadObjects, missing)
		if err != nil {
			return "", err
		}
		found := false
		if sql != "" {
			err = r.query(ctx, "SELECT 1 FROM ("+sql+") LIMIT 1", func([]string) error { found = true; return nil })
		}
		if err != nil {
			return "", fmt.Errorf("look for what is to be taken back in %s: %w", stream, err)
		}
		if found {
			return missing[0].message("what only statements list that do not count is not taken back"), nil
		}
	}
	at := slices.IndexFunc(missing, func(m unreadPart) bool { return !m.uncounted })
	if !o.mayRestore || at < 0 {
		return "", nil
	}
	return missing[at].message("what was taken back and only this file lists does not count again"), nil
}

// message says what is not done without a part of an original.
func (u *unreadPart) message(what string) string {
	return fmt.Sprintf("%s: read %s (original %s) once more: %v: declare its institution as it was, or restore the original, and import the same files again",
		what, cmp.Or(u.file, u.name, "it"), u.object, u.err)
}

// unlistedSQL finds the rows of a stream that only uncounted statements list, including everything that was read of the
// missing parts of originals that have uncounted statements. It is empty if the stream is.
func (r *Adjustment) unlistedSQL(ctx context.Context, stream, ids string, again []string, missing []unreadPart) (string, error) {
	view, err := r.View(ctx, stream)
	if err != nil || view == "" {
		return "", err
	}
	condition := "id IN (SELECT id FROM listed WHERE uncounted = '1')"
	if len(again) > 0 {
		condition += " OR object IN (" + imported.SQLList(again...) + ")"
	}
	for _, m := range missing {
		if m.uncounted {
			condition += fmt.Sprintf(" OR object = %s AND (%s = '' OR substr(file, instr(file, '/') + 1) = %[2]s)", imported.SQLList(m.object), imported.SQLList(m.name))
		}
	}
	applied := imported.Corrections{}
	if known, err := imported.HasFlag(ctx, r.Catalog, imported.CorrectionsKnown); err != nil {
		return "", err
	} else if known && stream == project.EntryStream {
		if applied, err = imported.ReadCorrections(ctx, r.ObjectFiles, r.Duck, view, nil); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("WITH %s, stored AS (%s) "+
		"SELECT %s FROM stored WHERE takes_back IS NULL AND (%s) AND id NOT IN (SELECT id FROM listed WHERE uncounted = '0') "+
		"AND id NOT IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) ORDER BY id", listedSQL(ids, &applied), view, textColumns(r.Project.Stream(stream)), condition), nil
}

// listedSQL are the views spooled and listed: the ids of a file, each with whether only uncounted statements list it, without and with those of the
// events that restore them.
func listedSQL(path string, counting *imported.Corrections) string {
	return fmt.Sprintf("spooled AS (FROM read_csv(%s, auto_detect = false, header = false, delim = ',', columns = {'id': 'VARCHAR', 'uncounted': 'VARCHAR'})), listed AS (FROM spooled%s)",
		imported.SQLList(path), counting.RestoredSQL())
}

// ingestAnswers seals one event for each row that a query finds in a stream: a copy of the row, changed by answer.
func (r *Adjustment) ingestAnswers(ctx context.Context, stream, sql, name string, answer func(event map[string]any)) (result intake.Result, err error) {
	s := rows.File{Path: filepath.Join(r.Dir, name+"."+stream+".jsonl")}
	columns := r.Project.Stream(stream).Columns
	err = rows.WriteFile(s.Path, func(to *bufio.Writer) error {
		lines := json.NewEncoder(to)
		return r.query(ctx, sql, func(row []string) error {
			event := eventOf(columns, row)
			answer(event)
			s.Rows++
			s.Name = stringOf(event["file"])
			return lines.Encode(event)
		})
	})
	if err == nil && s.Rows > 0 {
		result, err = r.Ingest(ctx, stream, []string{s.Path}, s.Parts)
	}
	if err != nil {
		return result, fmt.Errorf("take back what is in %s: %w", stream, err)
	}
	return result, nil
}

// query is imported.Query for SQL that also reads files of the scratch folder.
func (r *Adjustment) query(ctx context.Context, sql string, each func(row []string) error) error {
	options := r.Duck
	options.Dirs = append(slices.Clone(options.Dirs), r.Scratch)
	return imported.Query(ctx, r.ObjectFiles, options, sql, each)
}

func eventOf(columns []project.Column, row []string) map[string]any {
	event := map[string]any{}
	for i, c := range columns {
		switch value := row[i]; {
		case value == "" && c.Optional:
		case c.Type.String() == "bigint" || c.Type.String() == "bool":
			event[c.Name] = json.RawMessage(value)
		default:
			event[c.Name] = value
		}
	}
	return event
}

// cancelling turns a copy of an event into the event that cancels it.
func cancelling(idOf func(string) string) func(event map[string]any) {
	return func(event map[string]any) {
		id := stringOf(event["id"])
		event["takes_back"], event["id"] = id, idOf(id)
		if amount := stringOf(event["amount"]); amount != "" {
			event["amount"] = statement.Negate(amount)
		}
	}
}

func stringOf(value any) string {
	text, _ := value.(string) // a text column
	return text
}
