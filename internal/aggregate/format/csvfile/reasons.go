// Reasons why a row is quarantined: the column, its content, and what to declare.

package csvfile

import (
	"fmt"
	"strings"

	"bursar/internal/project"
)

func quote(text string) string { return quoteNames([]string{text}) }

// emptyReason is the reason for a required column that is empty.
func emptyReason(column string) string {
	return "column " + quote(column) + " is empty, and a row needs it"
}

func unknownValueReason(column, value, declared string) string {
	if value == "" {
		return "column " + quote(column) + " is empty, which is neither " + declared
	}
	return "column " + quote(column) + " is " + quote(value) + ", which is neither " + declared
}

func undirectedReason(column, text string) string {
	return "column " + quote(column) + " is " + quote(text) + ", which has neither a sign nor a form of `positive` or `negative`"
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
