// Names of tables and columns.

package warehouse

import (
	"fmt"
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

// CheckNames refuses columns of a table that would be stored under the same name, and types that no database stores.
func CheckNames(db Database, table string, columns []column.Field) error {
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
