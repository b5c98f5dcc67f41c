// Names of columns made of names that others have given.

package project

import (
	"regexp"
	"strings"
)

var (
	camelHump    = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	acronym      = regexp.MustCompile(`([A-Z])([A-Z][a-z])`)
	notNameChars = regexp.MustCompile(`[^a-z0-9]+`)
)

// SnakeCase writes a name in lower case with _ between words: CustomerID, "Customer ID" and customer.id become customer_id. The result may
// be empty, or begin with a digit.
func SnakeCase(name string) string {
	name = acronym.ReplaceAllString(camelHump.ReplaceAllString(name, "${1}_${2}"), "${1}_${2}")
	return strings.Trim(notNameChars.ReplaceAllString(strings.ToLower(name), "_"), "_")
}
