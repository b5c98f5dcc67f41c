// Pages of statements and of messages.

package camt

import "strings"

// page is the statement's page, and whether there are others. Versions without pages of statements have pages of messages: the
// first statement of a later one may go on from the one before, and any of one that is not the last may go on in the next.
func (m *message) page() (number string, part bool) {
	number, last := m.facts.statement.page, m.facts.statement.last
	if number == "" {
		last = m.facts.message.last
		if page := m.facts.message.page; isLater(page) && m.inMessage == 1 || last == "false" || last == "0" {
			number = page
		}
	}
	return number, isLater(number) || last == "false" || last == "0"
}

// isLater tells the number of a second or later page.
func isLater(page string) bool {
	page = strings.TrimLeft(page, "0")
	return page != "" && page != "1" && strings.Trim(page, "0123456789") == ""
}
