// Pages of statements and of messages.

package camt

import "bursar/internal/aggregate/statement"

// page finds the statement's page, and whether there are others. Versions without pages of statements have pages of messages: the
// first statement of a later one may go on from the one before, and any of one that is not the last may go on in the next.
func (m *message) page() {
	s, f := &m.statement, &m.facts
	s.Page, s.More = f.statement.page, isNo(f.statement.last)
	if s.Page == "" {
		s.MoreMessages = isNo(f.message.last)
		if page := f.message.page; statement.IsLater(page) && m.inMessage == 1 || s.MoreMessages {
			s.Page = page
		}
	}
	s.Part = statement.IsLater(s.Page) || s.Page != "" && s.More || s.MoreMessages
}

// isNo tells an indicator that is set to no.
func isNo(text string) bool { return text == "false" || text == "0" }
