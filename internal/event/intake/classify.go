// Decides on each row of a segment, in order of arrival: accepted, duplicate or quarantined.

package intake

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
)

// classify decides on each row in order of arrival: accepted, duplicate or quarantined (rule 1).
func (w *batchWriter) classify(ctx context.Context, seg *segment) error {
	seg.entries = slices.Grow(seg.entries, seg.rows)
	for i, block := range seg.blocks {
		if err := w.identifier.identify(&seg.prepared[i], seg, i, block.Rows); err != nil {
			return err
		}
	}
	verdicts, refused, err := w.checkEntries(seg)
	if err != nil {
		return ids.IndexError(w.stream.Name, fmt.Errorf("check for duplicates: %w", err))
	}
	next := 0
	for i, block := range seg.blocks {
		p := &seg.prepared[i]
		if err := w.dropKnownRejects(seg, p); err != nil {
			return err
		}
		for r, kept := range p.keep {
			if !kept {
				continue
			}
			verdict, refusal := verdicts[next], refused[next]
			next++
			switch {
			case refusal != nil:
				refusal.Row, refusal.raw, refusal.source.occurrence = block.Rows[r], block.Raw(r), p.occurrence(r)
				p.rejects = append(p.rejects, *refusal)
			case verdict.Kind == dedupe.New:
				w.batch.Accepted++
				seg.decide(block.Rows[r], Accepted)
				continue
			case verdict.Kind == dedupe.Duplicate:
				w.batch.Duplicates++
				seg.decide(block.Rows[r], Duplicate)
			default:
				known, reason, err := w.explainConflict(seg, block.Rows[r], verdict.First)
				if err != nil {
					return err
				}
				if known {
					w.batch.Duplicates++
					seg.decide(block.Rows[r], Duplicate)
					break
				}
				first := event.PlaceOf(verdict.First)
				p.rejects = append(p.rejects, reject{
					Row: block.Rows[r], Reason: reason, raw: block.Raw(r), accepted: &first,
				})
			}
			p.keep[r] = false
		}
		w.batch.Rows += int64(len(block.Rows) + len(block.Rejects))
		w.batch.Extra += block.Extra
		if seg.file != nil && seg.rowSources == nil {
			w.noteUndeclared(seg.file.Name, block.Unknown)
		}
		seg.addSources(i, p.rejects)
		if err := w.quarantineRows(ctx, seg.file, p.rejects); err != nil {
			return err
		}
		seg.decideRejects(p.rejects)
	}
	return nil
}

// dropKnownRejects counts the rejected rows of a file that is read again as duplicates: they have been in quarantine since it was read first.
func (w *batchWriter) dropKnownRejects(seg *segment, p *preparedBlock) error {
	if seg.file == nil || !seg.file.Again || seg.rowSources != nil { // retried rows must stay
		return nil
	}
	for _, r := range p.rejects {
		if err := discard(r.rawFile); err != nil {
			return err
		}
	}
	w.batch.Duplicates += int64(len(p.rejects))
	p.rejects = nil
	return nil
}

// explainConflict describes a conflict, or reports that the row is a duplicate: in a file that is read again only rows with free ids are
// new, since all others were decided on before; and the same row of the same file is the event itself, whichever columns were declared
// since.
func (w *batchWriter) explainConflict(seg *segment, row int64, first dedupe.Place) (known bool, reason string, err error) {
	if w.conflictFile.Number != first.File() { // conflicts are often many in a row with one earlier file
		file, err := w.fileOf(first)
		if err != nil {
			return false, "", err
		}
		w.conflictFile = file
	}
	if seg.file != nil && seg.rowSources == nil && (seg.file.Again || row == int64(first.Row()) && w.sameContent(seg.file, &w.conflictFile)) {
		return true, "", nil
	}
	name, at := w.conflictFile.At(int64(first.Row()))
	return false, fmt.Sprintf(event.ConflictReason+"this id was accepted before with other values, in batch %d, file %s, row %d", w.conflictFile.Batch, name, at), nil
}

// sameContent reports whether two files have the same digest. A digest that is not computed yet belongs to no earlier file.
func (w *batchWriter) sameContent(file, other *event.File) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return file.Digest != "" && file.Digest == other.Digest
}

// checkEntries returns the verdict on each entry of a segment, and the rows that would overflow a control total, by entry.
func (w *batchWriter) checkEntries(seg *segment) (verdicts []dedupe.Verdict, refused map[int]*reject, err error) {
	verdicts = make([]dedupe.Verdict, len(seg.entries))
	rowByRow := len(w.bounds) > 0 && !w.bounds.fits(seg)
	if !rowByRow {
		if err := w.dedupeBatch.Check(seg.entries, verdicts); err != nil || len(w.bounds) == 0 {
			return verdicts, nil, err
		}
	}
	refused, next := map[int]*reject{}, 0
	for n := range seg.prepared {
		p := &seg.prepared[n]
		for r, kept := range p.keep {
			if !kept {
				continue
			}
			if rowByRow {
				if refused[next], err = w.checkEntry(p, r, seg.entries[next:next+1], verdicts[next:next+1]); err != nil {
					return nil, nil, err
				}
			}
			if verdicts[next].Kind == dedupe.New && refused[next] == nil {
				w.bounds.add(p, r)
			}
			next++
		}
	}
	return verdicts, refused, nil
}

// checkEntry decides on one row after all rows before it. A refused row must not enter the dedupe index, and a known row adds nothing to a total.
func (w *batchWriter) checkEntry(p *preparedBlock, r int, entry []dedupe.Entry, verdict []dedupe.Verdict) (*reject, error) {
	if refused := w.bounds.refuse(p, r); refused != nil {
		known, err := w.dedupeBatch.Knows(entry[0])
		if err != nil || !known {
			return refused, err
		}
	}
	return nil, w.dedupeBatch.Check(entry, verdict)
}
