// Turns one row into an entry, or into one that is quarantined with the reason: the column, its content, and what to declare.

package csvfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

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
func (e *emitter) skipRow(r row) bool {
	c := &e.table.columns
	switch e.table.state(r) {
	case ignored:
		e.skipped.add(r.place, "row left out", e.mapping.Columns.Status.Column, r.cell(c.status))
		return true
	case pending:
		if e.table.cell(r, c.booked) == "" && e.table.cell(r, c.value) == "" {
			e.skipped.add(r.place, "pending row without a date", e.mapping.Columns.Status.Column, r.cell(c.status))
			return true
		}
	}
	return false
}

func (e *emitter) emitEntry(r row) {
	c := &e.table.columns
	e.refusal = nil
	if r.defect != "" {
		e.entry = statement.Entry{Place: r.place, Amount: statement.Unreadable(r.start, 0), Currency: e.statement.Currency}
		e.running.unreadable, e.hasBooked = true, true
		e.setRefusal(r.column, "the row "+r.defect)
		e.reportUnreadable(r.place, r.defect)
	} else {
		e.buildEntry(r)
	}
	e.entry.Refused = e.refusal
	if e.mapping.Control != nil {
		e.scope.add(e.entry.Amount, r.cell(c.hashOf), c.hashOf >= 0)
	}
	e.out.Entry(&e.entry)
	e.out.EndEntry()
}

func (e *emitter) buildEntry(r row) {
	t, c, names := e.table, &e.table.columns, &e.mapping.Columns
	decimal, reason := t.signedAmount(r, e.statement.Currency)
	e.setRefusal("amount", reason)
	e.entry = statement.Entry{
		Place: r.place, Amount: decimal, Currency: e.statement.Currency,
		Reference: t.cell(r, c.reference), Own: t.cell(r, c.own), Code: t.cell(r, c.code),
		Party: t.cell(r, c.party), Peer: t.cell(r, c.peer), Text: e.entryText(r),
	}
	entry := &e.entry
	entry.Peer, _ = statement.AccountNumber(entry.Peer)
	state := t.state(r)
	if state == unknown {
		e.setRefusal("status", unknownValueReason(names.Status.Column, r.cell(c.status), "`booked`, `pending` nor `ignored`"))
		entry.Amount = statement.Unreadable(r.cell(c.amount)+" "+r.cell(c.status), 0)
	}
	entry.Booked, reason = e.entryDate(names.Booked, t.cell(r, c.booked), state != pending)
	e.setRefusal("day", reason)
	entry.Value, reason = e.entryDate(names.Value, t.cell(r, c.value), false)
	e.setRefusal("value_day", reason)
	if e.refusal != nil {
		e.reportUnreadable(r.place, "cannot be read: "+e.refusal.Reason)
	}
	if state == pending {
		entry.Status = "PDNG"
		e.days.add(entry)
		return
	}
	e.hasBooked = true
	entry.Unique = e.mapping.Unique && entry.Reference != ""
	balance := parseNumber(t.cell(r, c.balance), e.mapping)
	e.running.add(r.place, entry.Booked, entry.Amount, balance.decimal)
}

// setRefusal keeps the first reason why the row cannot be ingested; an empty reason is ignored.
func (e *emitter) setRefusal(column, reason string) {
	if e.refusal == nil && reason != "" {
		e.refusal = &statement.Refusal{Column: column, Reason: reason}
	}
}

// reportUnreadable adds the first unreadable row of a statement to its fault.
func (e *emitter) reportUnreadable(at statement.Place, why string) {
	if !e.faultReported {
		e.addFault("line %d %s", at.Line, why)
	}
	e.faultReported = true
}

type days struct{ first, last string }

// add includes the day of a pending entry, if it can be read.
func (d *days) add(e *statement.Entry) {
	if day := cmp.Or(e.Booked, e.Value); statement.IsDay(day) {
		d.first, d.last = min(cmp.Or(d.first, day), day), max(d.last, day)
	}
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

// entryDate returns a date as entries have it. If it cannot be read, it returns the text in backquotes, so that
// intake neither reads it differently nor replaces it by another day, and the reason.
func (e *emitter) entryDate(column, text string, required bool) (date, reason string) {
	if text == "" && !required {
		return "", ""
	}
	if text == "" {
		return "``", emptyReason(column)
	}
	if date, reason = parseDate(text, e.mapping); reason == "" {
		return date, ""
	}
	return "`" + text + "`", "column " + quote(column) + " is " + quote(text) + ": " + reason
}

// parseDate parses a date in any of the declared formats, which must agree on the day.
func parseDate(text string, m *project.CSVMapping) (date, reason string) {
	if len(m.Dates) == 0 {
		return scan.DateOf(nil, text)
	}
	format, why := "", ""
	for _, layout := range m.Dates {
		day, misfit := scan.DateOf(layout, text)
		switch {
		case misfit == "" && date == "":
			date, format = day, layout.Format
		case misfit == "" && day != date:
			return "", "written " + format + " it is " + date + ", and written " + layout.Format + " it is " + day + ": declare one of the two"
		case misfit != "" && (why == "" || !strings.HasPrefix(misfit, scan.NotWritten)):
			why = misfit // a day that does not exist is more specific than another format
		}
	}
	if date != "" {
		return date, ""
	}
	if len(m.Dates) == 1 || !strings.HasPrefix(why, scan.NotWritten) {
		return "", why
	}
	formats := make([]string, len(m.Dates))
	for i, l := range m.Dates {
		formats[i] = l.Format
	}
	return "", scan.NotWritten + " in any of the declared ways: " + strings.Join(formats, ", ")
}

func (e *emitter) entryText(r row) string {
	var texts []string
	for _, column := range e.table.columns.text {
		if text := e.table.cell(r, column); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}

func quote(text string) string { return quoteNames([]string{text}) }

func emptyReason(column string) string {
	return "column " + quote(column) + " is empty, and a row needs it"
}

func unknownValueReason(column, value, declared string) string {
	if value == "" {
		return "column " + quote(column) + " is empty, which is neither " + declared
	}
	return "column " + quote(column) + " is " + quote(value) + ", which is neither " + declared
}

func otherCurrencyReason(column, text, adjacent, currency string) string {
	return fmt.Sprintf("column %s is %s, and %s is another currency than the row's %s", quote(column), quote(text), quote(adjacent), quote(currency))
}

// notANumberReason is the reason for a cell that is not a valid amount, with advice on what to declare.
func notANumberReason(column, text string, m *project.CSVMapping) string {
	if text == "" {
		return emptyReason(column)
	}
	marks := "decimal mark " + quote(string(m.Decimal))
	if m.Group != 0 {
		marks += " and group mark " + quote(string(m.Group))
	}
	reason := fmt.Sprintf("column %s is %s, which is not a number with %s", quote(column), quote(text), marks)
	if advice := declarationAdvice(text, m); advice != "" {
		reason += ": " + advice
	}
	return reason
}

// declarationAdvice returns what the mapping should declare to read a text; "" if unknown.
func declarationAdvice(text string, m *project.CSVMapping) string {
	bare, direction, currency := trimForms(equivalentMarks.Replace(text), &m.Notation)
	first, last := strings.IndexAny(bare, "0123456789"), strings.LastIndexAny(bare, "0123456789")
	if first < 0 {
		return "where it means that nothing stands there, declare `placeholder: " + yamlList(text) + "`"
	}
	before := strings.Trim(strings.TrimRight(bare[:first], ".,'"), " +-")
	after := strings.Trim(strings.TrimLeft(bare[last+1:], ".,'"), " +-")
	switch {
	case before == "(" && after == ")" && direction == 0:
		return "where parentheses mean below zero, declare `negative: " + yamlList("(*)") + "`"
	case before != "" && currency == "":
		return adjacentAdvice("before", before, "prefix", before+" *", direction == 0)
	case after != "" && currency == "":
		return adjacentAdvice("behind", after, "suffix", "* "+after, direction == 0)
	case before == "" && after == "" && strings.Trim(bare, "0123456789+-"+string(m.Decimal)) != "":
		return "declare `decimal` and `group` as the file writes them"
	}
	return ""
}

// adjacentAdvice returns what to declare for a text next to a number: a currency or a direction.
func adjacentAdvice(position, text, key, form string, undirected bool) string {
	found := quote(text) + " stands " + position + " the number and is not declared: "
	if isCurrency(text) || !undirected {
		return found + "declare `" + key + ": " + yamlList(text) + "`"
	}
	return found + "declare `" + key + ": " + yamlList(text) + "` if it is a currency, or `negative: " + yamlList(form) + "` or `positive: " + yamlList(form) + "` if it is the direction"
}

func yamlList(text string) string { return fmt.Sprintf("[%q]", text) }
