// Names of tables and columns, as SQL.

package warehouse

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"bursar/internal/column"
)

// Shorten returns the name under which a database stores a table or a column that it would cut to limit bytes: as it is, or its beginning
// and eight digits of its digest, so that long names with the same beginning stay different.
func Shorten(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	begin := name[:limit-9]
	for !utf8.ValidString(begin) {
		begin = begin[:len(begin)-1]
	}
	return fmt.Sprintf("%s_%08x", begin, uint32(column.Sum128([]byte(name)).Lo))
}

// checkNames refuses columns of a table that would be stored under the same name, and types that no database stores.
func checkNames(db Database, table string, columns []column.Field) error {
	seen := map[string]string{}
	for _, c := range columns {
		stored := db.Name(c.Name)
		if other, ok := seen[stored]; ok {
			return fmt.Errorf("create table %s: the columns %s and %s are both stored as %s; rename one", table, other, c.Name, stored)
		}
		seen[stored] = c.Name
		if c.Type.Kind == column.List {
			return fmt.Errorf("create table %s: column %s is a list", table, c.Name)
		}
	}
	return nil
}

// Quote returns a stored name for SQL: names may be keywords.
func Quote(db Database, name string) string { return column.QuoteIdentifier(db.Name(name)) }

// QuoteAll returns the stored names of columns for SQL, separated by commas.
func QuoteAll(db Database, columns []column.Field) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = Quote(db, c.Name)
	}
	return strings.Join(list, ", ")
}

// HasZones reports whether timestamps are stored as instants, and not as UTC without a zone.
func HasZones(db Database) bool {
	return strings.Contains(strings.ToLower(db.Type(column.Type{Kind: column.Timestamp})), "with time zone")
}

// DaySQL returns the day in UTC of a timestamp.
func DaySQL(db Database, timestamp string) string {
	if HasZones(db) {
		timestamp += " AT TIME ZONE 'UTC'"
	}
	return "CAST(" + timestamp + " AS DATE)"
}

// MidnightSQL returns when a day begins, as a timestamp.
func MidnightSQL(db Database, day string) string {
	midnight := "CAST(" + day + " AS TIMESTAMP)"
	if HasZones(db) {
		midnight += " AT TIME ZONE 'UTC'"
	}
	return midnight
}

// Define returns the definition of a column for SQL.
func Define(db Database, c column.Field) string { return Quote(db, c.Name) + " " + db.Type(c.Type) }

// CreateSQL returns the statement that creates a table, or why it cannot be created.
func CreateSQL(db Database, table string, columns []column.Field) (string, error) {
	if err := checkNames(db, table, columns); err != nil {
		return "", err
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = Define(db, c)
	}
	return fmt.Sprintf("CREATE TABLE %s (%s)", Quote(db, table), strings.Join(list, ", ")), nil
}
