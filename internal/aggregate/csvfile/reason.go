// Why a row is in quarantine, in words that name the column, what stands there, and what to declare.

package csvfile

import (
	"fmt"
	"strings"

	"bursar/internal/project"
)

// tick quotes a text for a message.
func tick(text string) string { return quote([]string{text}) }

// empty is said of a column that each row has to fill.
func empty(column string) string { return "column " + tick(column) + " is empty, and a row needs it" }

// unknownValue is said of a value that is not one of those declared.
func unknownValue(column, value, declared string) string {
	if value == "" {
		return "column " + tick(column) + " is empty, which is neither " + declared
	}
	return "column " + tick(column) + " is " + tick(value) + ", which is neither " + declared
}

func undirectedReason(column, text string) string {
	return "column " + tick(column) + " is " + tick(text) + ", which has neither a sign nor a form of `positive` or `negative`"
}

func otherCurrency(column, text, beside, currency string) string {
	return fmt.Sprintf("column %s is %s, and %s is another currency than the row's %s", tick(column), tick(text), tick(beside), tick(currency))
}

// notANumber says why a cell cannot be read as an amount, and what to declare where that would help.
func notANumber(column, text string, m *project.CSVMapping) string {
	if text == "" {
		return empty(column)
	}
	marks := "decimal mark " + tick(string(m.Decimal))
	if m.Group != 0 {
		marks += " and group mark " + tick(string(m.Group))
	}
	reason := fmt.Sprintf("column %s is %s, which is not a number with %s", tick(column), tick(text), marks)
	if advice := toDeclare(text, m); advice != "" {
		reason += ": " + advice
	}
	return reason
}

// toDeclare is what a mapping lacks to read a text; empty where nothing of that sort is seen.
func toDeclare(text string, m *project.CSVMapping) string {
	bare, direction, currency := strip(alike.Replace(text), &m.Notation)
	first, last := strings.IndexAny(bare, "0123456789"), strings.LastIndexAny(bare, "0123456789")
	if first < 0 {
		return "where it means that nothing stands there, declare `placeholder: " + list(text) + "`"
	}
	before := strings.Trim(strings.TrimRight(bare[:first], ".,'"), " +-")
	after := strings.Trim(strings.TrimLeft(bare[last+1:], ".,'"), " +-")
	switch {
	case before == "(" && after == ")" && direction == 0:
		return "where parentheses mean below zero, declare `negative: " + list("(*)") + "`"
	case before != "" && currency == "":
		return beside("before", before, "prefix", before+" *", direction == 0)
	case after != "" && currency == "":
		return beside("behind", after, "suffix", "* "+after, direction == 0)
	case before == "" && after == "" && strings.Trim(bare, "0123456789+-"+string(m.Decimal)) != "":
		return "declare `decimal` and `group` as the file writes them"
	}
	return ""
}

// beside names the declaration for what stands beside a number: a currency, or a direction.
func beside(where, text, key, form string, undirected bool) string {
	found := tick(text) + " stands " + where + " the number and is not declared: "
	if isCurrency(text) || !undirected {
		return found + "declare `" + key + ": " + list(text) + "`"
	}
	return found + "declare `" + key + ": " + list(text) + "` if it is a currency, or `negative: " + list(form) + "` or `positive: " + list(form) + "` if it is the direction"
}

// list is a text as a list of YAML.
func list(text string) string { return fmt.Sprintf("[%q]", text) }
