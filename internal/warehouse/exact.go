// Comparing texts exactly, also in a database that ignores blanks at their end.

package warehouse

import (
	"strings"

	"bursar/internal/column"
)

// ExactTerms returns terms that are equal in two rows if, and only if, these columns of a table are: to compare rows and to group them. The
// table is in SQL and ends with a dot, or is empty.
func ExactTerms(db Database, table string, columns []column.Field) []string {
	terms := make([]string, 0, len(columns))
	for _, c := range columns {
		terms = append(terms, table+Quote(db, c.Name))
	}
	if !ignoresBlanks(db) {
		return terms
	}
	for _, c := range columns {
		if c.Type.Kind == column.String {
			terms = append(terms, "octet_length("+table+Quote(db, c.Name)+")")
		}
	}
	return terms
}

// ExactList returns these terms, separated by commas.
func ExactList(db Database, columns []column.Field) string {
	return strings.Join(ExactTerms(db, "", columns), ", ")
}

// SameSQL is the condition that columns of two tables, which both end with a dot, are equal.
func SameSQL(db Database, one, other string, columns []column.Field) string {
	terms, others := ExactTerms(db, one, columns), ExactTerms(db, other, columns)
	for i := range terms {
		terms[i] += " = " + others[i]
	}
	return strings.Join(terms, " AND ")
}

// ignoresBlanks reports whether texts that differ only in blanks at their end are equal to the database. In Redshift they are:
// https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html.
func ignoresBlanks(db Database) bool {
	return strings.HasPrefix(db.Type(column.Type{Kind: column.String}), "character varying")
}
