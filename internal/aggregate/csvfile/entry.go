// Turns one row into an entry.

package csvfile

import (
	"slices"

	"bursar/internal/aggregate/statement"
)

// state is the meaning of a row's status.
type state int

const (
	booked state = iota
	pending
	ignored
	unknown
)

// state returns a row's state; without a status column every row is booked.
func (t *table) state(r row) state {
	s := &t.mapping.Columns.Status
	text := r.cell(t.columns.status)
	switch {
	case s.Column == "" || slices.Contains(s.Booked, text):
		return booked
	case slices.Contains(s.Pending, text):
		return pending
	case slices.Contains(s.Ignored, text):
		return ignored
	}
	return unknown
}

// skipRow reports whether a row makes no entry, and counts it: ignored rows, and pending ones without a date.
func (g *emitter) skipRow(r row) bool {
	c := &g.table.columns
	switch g.table.state(r) {
	case ignored:
		g.skipped.add(r.place, "row left out", g.mapping.Columns.Status.Column, r.cell(c.status))
		return true
	case pending:
		if g.table.cell(r, c.booked) == "" && g.table.cell(r, c.value) == "" {
			g.skipped.add(r.place, "pending row without a date", g.mapping.Columns.Status.Column, r.cell(c.status))
			return true
		}
	}
	return false
}

func (g *emitter) emitEntry(r row) error {
	c := &g.table.columns
	g.refusal = nil
	if r.defect != "" {
		g.entry = statement.Entry{Place: r.place, Amount: statement.Unreadable(r.start, 0), Currency: g.statement.Currency}
		g.running.unreadable, g.hasBooked = true, true
		g.setRefusal(r.column, "the row "+r.defect)
		g.reportUnreadable(r.place, r.defect)
	} else {
		g.buildEntry(r)
	}
	g.entry.Refused = g.refusal
	if g.mapping.Control != nil {
		g.scope.add(g.entry.Amount, r.cell(c.hashOf), c.hashOf >= 0)
	}
	if err := g.handler.Entry(&g.entry); err != nil {
		return err
	}
	return g.handler.EndEntry()
}

// buildEntry fills the entry of a row.
func (g *emitter) buildEntry(r row) {
	t, c, names := g.table, &g.table.columns, &g.mapping.Columns
	decimal, reason := t.signedAmount(r, g.statement.Currency)
	g.setRefusal("amount", reason)
	g.entry = statement.Entry{
		Place: r.place, Amount: decimal, Currency: g.statement.Currency,
		Reference: t.cell(r, c.reference), Own: t.cell(r, c.own), Code: t.cell(r, c.code),
		Party: t.cell(r, c.party), Peer: t.cell(r, c.peer), Text: g.entryText(r),
	}
	e := &g.entry
	e.Peer, _ = statement.AccountNumber(e.Peer)
	state := t.state(r)
	if state == unknown {
		g.setRefusal("status", unknownValueReason(names.Status.Column, r.cell(c.status), "`booked`, `pending` nor `ignored`"))
		e.Amount = statement.Unreadable(r.cell(c.amount)+" "+r.cell(c.status), 0)
	}
	e.Booked, reason = g.entryDate(names.Booked, t.cell(r, c.booked), state != pending)
	g.setRefusal("day", reason)
	e.Value, reason = g.entryDate(names.Value, t.cell(r, c.value), false)
	g.setRefusal("value_day", reason)
	if g.refusal != nil {
		g.reportUnreadable(r.place, "cannot be read: "+g.refusal.Reason)
	}
	if state == pending {
		e.Status = "PDNG"
		g.days.add(e)
		return
	}
	g.hasBooked = true
	e.Unique = g.mapping.Unique && e.Reference != ""
	balance, _ := amount(t.cell(r, c.balance), g.mapping)
	g.running.add(r.place, e.Booked, e.Amount, balance)
}

// setRefusal keeps the first reason why the row cannot be ingested; an empty reason is ignored.
func (g *emitter) setRefusal(column, reason string) {
	if g.refusal == nil && reason != "" {
		g.refusal = &statement.Refusal{Column: column, Reason: reason}
	}
}

// reportUnreadable adds the first unreadable row of a statement to its fault.
func (g *emitter) reportUnreadable(at statement.Place, why string) {
	if !g.faultReported {
		g.addFault("line %d %s", at.Line, why)
	}
	g.faultReported = true
}

// days are the first and the last day of entries.
type days struct{ first, last string }

// add includes the day of a pending entry, if it can be read.
func (d *days) add(e *statement.Entry) {
	day := e.Booked
	if day == "" {
		day = e.Value
	}
	if !isDay(day) {
		return
	}
	if d.first == "" || day < d.first {
		d.first = day
	}
	d.last = max(d.last, day)
}

// noticeCounts count rows that make no entry, by the content of their notice.
type noticeCounts []statement.Notice

// add counts a row or a line. The notice names the first one of its kind.
func (n *noticeCounts) add(at statement.Place, what, field, value string) {
	fields := []statement.Field{{Name: field, Value: value}}
	for i := range *n {
		if one := &(*n)[i]; one.What == what && slices.Equal(one.Fields, fields) {
			one.Count++
			return
		}
	}
	*n = append(*n, statement.Notice{Place: at, What: what, Fields: fields, Count: 1})
}

// emitNotices reports the skipped rows and notes.
func (g *emitter) emitNotices() error {
	for _, list := range []noticeCounts{g.skipped, g.table.notes} {
		for i := range list {
			if err := g.handler.Notice(&list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
