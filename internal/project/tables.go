// The names of the tables in the warehouse, which must differ.

package project

import (
	"fmt"
	"strings"

	"bursar/internal/project/doc"
)

// reservedTables begin the names of tables in the warehouse that are not made of one stream or pipeline.
const reservedTables = "bursar_"

// EventsTable is the table of a stream's events.
func EventsTable(stream string) string { return "events_" + stream }

// HistoryTable is the table of all versions of a pipeline's artifacts.
func HistoryTable(pipeline string) string { return pipeline + "_history" }

// HistoryColumns are the columns of a history beside those of artifacts: from when until when readers could see a version.
var HistoryColumns = []string{"valid_from", "valid_to"}

// checkTables reports pipelines whose tables would have the name of another table.
func (p *Project) checkTables() (errs []doc.Error) {
	owners := map[string]string{}
	for _, s := range p.AllStreams() {
		owners[EventsTable(s.Name)] = "the events of stream " + s.Name
	}
	for _, l := range p.Pipelines {
		if l.History {
			owners[HistoryTable(l.Name)] = "the history of pipeline " + l.Name
		}
	}
	for _, l := range p.Pipelines {
		owner := owners[l.Name]
		if strings.HasPrefix(l.Name, reservedTables) {
			owner = "the record of publications"
		}
		if owner != "" {
			errs = append(errs, doc.Error{File: l.File, Line: l.Line, Message: fmt.Sprintf("a pipeline cannot be named %s: the warehouse has this table for %s", doc.Brief(l.Name), owner)})
		}
	}
	return errs
}
