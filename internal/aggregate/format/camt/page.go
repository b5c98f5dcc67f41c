// Pages of statements and of messages.

package camt

import (
	"bursar/internal/aggregate/format/statement"
)

// setPage sets the statement's page number and whether there are other pages. Versions whose statements have no pages
// have pages of messages: the first statement of a later page may continue the previous one, and any statement of a
// page that is not the last may continue on the next.
func (m *message) setPage() {
	s, f := &m.statement, &m.fields
	s.Page, s.MorePages = f.statement.page, isNo(f.statement.last)
	if s.Page == "" {
		s.MoreMessages = isNo(f.message.last)
		if page := f.message.page; statement.IsLaterPage(page) && m.statementsInMessage == 1 || s.MoreMessages {
			s.Page = page
		}
	}
	s.Partial = statement.IsLaterPage(s.Page) || s.Page != "" && s.MorePages || s.MoreMessages
}

// isNo reports whether an indicator is set to no.
func isNo(text string) bool { return text == "false" || text == "0" }
