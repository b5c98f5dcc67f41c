// What only tests may set.

package pgindex

// SetSmallSizes makes a few rows go together, so that a test with few rows crosses all bounds.
func (x *Index) SetSmallSizes() {
	x.sizes = sizes{chunk: 4, batch: 3, probe: 1, page: 3, firstPage: 2, firstVersions: 1}
}

// Queries are the queries of Find, Scan and History of a table.
var Queries = []string{findSQL, betweenSQL, scanSQL, historySQL}

// Settings are those of a session.
var Settings = settings
