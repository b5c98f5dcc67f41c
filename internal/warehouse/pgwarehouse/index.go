// Indexes.

package pgwarehouse

import (
	"context"
	"strings"
)

// indexedSQL counts the indexes of a kind on just these columns of a table.
const indexedSQL = `
SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = to_regclass($1) AND m.amname = $2 AND i.indpred IS NULL AND $3::text[] = (
	SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
	JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)`

// Index creates a tree, or for sorted rows an index of ranges of blocks, which costs next to nothing. The server extends that by itself when
// rows are appended: otherwise it would scan all rows since the last vacuum. A table that was replaced and kept has its indexes.
func (t *tx) Index(ctx context.Context, table string, columns []string, sorted bool) error {
	list, names, method, options := make([]string, len(columns)), make([]string, len(columns)), "btree", ""
	for i, c := range columns {
		list[i], names[i] = t.quoted(c), t.db.Name(c)
	}
	if sorted {
		method, options = "brin", " WITH (autosummarize = on)"
	}
	var n int
	if err := t.tx.QueryRow(ctx, indexedSQL, t.quoted(table), method, names).Scan(&n); err != nil {
		return t.classify(err)
	}
	if n > 0 {
		return nil
	}
	return t.run(ctx, "CREATE INDEX ON %s USING %s (%s)%s", t.quoted(table), method, strings.Join(list, ", "), options)
}
