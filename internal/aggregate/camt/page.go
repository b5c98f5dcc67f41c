// Pages of statements and of messages.

package camt

import "bursar/internal/aggregate/statement"

// page is the statement's page, and whether there are others. Versions without pages of statements have pages of messages: the
// first statement of a later one may go on from the one before, and any of one that is not the last may go on in the next.
func (m *message) page() (number string, part bool) {
	number, last := m.facts.statement.page, m.facts.statement.last
	if number == "" {
		last = m.facts.message.last
		if page := m.facts.message.page; statement.IsLater(page) && m.inMessage == 1 || last == "false" || last == "0" {
			number = page
		}
	}
	return number, statement.IsLater(number) || last == "false" || last == "0"
}
