// Pages of statements and of messages.

package camt

import "bursar/internal/aggregate/statement"

// setPage finds the statement's page, and whether there are others. Versions without pages of statements have pages of messages: the
// first statement of a later one may go on from the one before, and any of one that is not the last may go on in the next.
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

// isNo tells an indicator that is set to no.
func isNo(text string) bool { return text == "false" || text == "0" }
