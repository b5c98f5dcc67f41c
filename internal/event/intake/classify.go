// Decides on each row of a segment, in order of arrival: accepted, duplicate, or quarantined, also because a control total of the batch
// would overflow.

package intake

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/event/scan"
	"bursar/internal/project"
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
				refusal.Row, refusal.Raw = block.Rows[r], block.Raw(r)
				if p.occurrences != nil {
					refusal.source.occurrence = p.occurrences[r]
				}
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
				p.rejects = append(p.rejects, reject{Reject: scan.Reject{Row: block.Rows[r], Reason: reason, Raw: block.Raw(r)}, accepted: &first})
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
		if err := discard(r.RawFile); err != nil {
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

// safeDigits is the precision up to which no batch has enough rows for a sum of 39 digits.
const safeDigits = 26

// bound is a control total that might overflow, and its sums over the rows accepted so far.
type bound struct {
	event.Summer
	filter int // index in the filters; -1 is none
}

// bounds are those of one batch; most streams have none.
type bounds []bound

func newBounds(s *project.Stream) (list bounds) {
	filters := 0
	for _, summer := range event.NewSummers(s) {
		filter := -1
		if summer.Total.Where != "" {
			filter = filters
			filters++
		}
		if t := s.Columns[summer.Measure].Type; t.Kind == column.Decimal && t.Precision > safeDigits {
			list = append(list, bound{summer, filter})
		}
	}
	return list
}

// term returns what a row adds to the total, and its group; nil if it adds nothing.
func (b *bound) term(p *preparedBlock, r int) (group string, value *big.Int) {
	measure := &p.columns[b.Measure]
	if measure.IsNull(r) || b.filter >= 0 && p.filters[b.filter].Ints[r] == 0 {
		return "", nil
	}
	if b.Group >= 0 {
		group = string(p.columns[b.Group].AppendPlain(nil, r))
	}
	return group, measure.Unscaled(r).BigInt()
}

func (l bounds) add(p *preparedBlock, r int) {
	for i := range l {
		if group, value := l[i].term(p, r); value != nil {
			sum := l[i].Sums.Group(group)
			sum.Add(sum, value)
		}
	}
}

func (l bounds) refuse(p *preparedBlock, r int) *reject {
	for i := range l {
		group, value := l[i].term(p, r)
		if value == nil {
			continue
		}
		sum := l[i].Sums.Group(group)
		if _, err := decimal.Narrow(new(big.Int).Add(sum, value)); err == nil {
			continue
		}
		total := l[i].Total.Name
		if group != "" {
			total += " of " + group
		}
		return &reject{Reject: scan.Reject{Column: l[i].Total.Sum, Reason: fmt.Sprintf(
			"control total %s of the batch would have more than 38 digits: it is %s without this row; retry the row in another batch",
			total, decimal.Append(nil, decimal.Int128OfBig(sum), l[i].Scale))}}
	}
	return nil
}

// fits reports whether all rows of a segment may be accepted, whichever are duplicates.
func (l bounds) fits(seg *segment) bool {
	for i := range l {
		highest := map[string]*big.Int{}
		for n := range seg.prepared {
			p := &seg.prepared[n]
			for r, kept := range p.keep {
				if !kept {
					continue
				}
				group, value := l[i].term(p, r)
				if value == nil {
					continue
				}
				if highest[group] == nil {
					highest[group] = new(big.Int).Abs(l[i].Sums.Group(group))
				}
				highest[group].Add(highest[group], value.Abs(value))
			}
		}
		for _, sum := range highest {
			if _, err := decimal.Narrow(sum); err != nil {
				return false
			}
		}
	}
	return true
}
