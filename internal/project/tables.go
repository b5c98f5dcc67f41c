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

// tableOwners is what each table of the warehouse is made of, by the table's name.
type tableOwners map[string]string

// of returns what has a table, or "".
func (o tableOwners) of(table string) string {
	if strings.HasPrefix(table, reservedTables) {
		return "what Bursar records"
	}
	return o[table]
}

// checkTables reports pipelines, loads and models whose tables have the name of another table, and archives that the warehouse cannot have.
func (p *Project) checkTables() (errs []doc.Error) {
	owners := tableOwners{}
	for _, s := range p.AllStreams() {
		owners[EventsTable(s.Name)] = "the events of stream " + s.Name
	}
	for _, l := range p.Pipelines {
		if l.History {
			owners[HistoryTable(l.Name)] = "the history of pipeline " + l.Name
		}
	}
	errs = owners.addPipelines(p.Pipelines)
	errs = append(errs, owners.addLoads(p.Loads)...)
	errs = append(errs, owners.addModels(p.Models)...)
	return append(errs, p.checkArchives(owners)...)
}

// addPipelines also keeps the names of histories that are not declared yet from loads and models.
func (o tableOwners) addPipelines(list []*Pipeline) (errs []doc.Error) {
	for _, l := range list {
		if owner := o.of(l.Name); owner != "" {
			errs = append(errs, doc.Error{File: l.File, Line: l.Line, Message: fmt.Sprintf("a pipeline cannot be named %s: the warehouse has this table for %s", doc.Brief(l.Name), owner)})
			continue
		}
		o[l.Name] = "the artifacts of pipeline " + l.Name
	}
	for _, l := range list {
		if history := HistoryTable(l.Name); o[history] == "" {
			o[history] = "the history of pipeline " + l.Name
		}
	}
	return errs
}

func (o tableOwners) addLoads(list []*Load) (errs []doc.Error) {
	for _, l := range list {
		if owner := o.of(l.Table); owner != "" {
			key := "table"
			if l.lines[key] == 0 {
				key = "load"
			}
			errs = append(errs, doc.Error{File: l.File, Line: l.lines.At(key), Message: fmt.Sprintf("the warehouse has table %s for %s: name another one with `table`", doc.Brief(l.Table), owner)})
			continue
		}
		o[l.Table] = "load " + l.Name
	}
	return errs
}

func (o tableOwners) addModels(list []*Model) (errs []doc.Error) {
	for _, m := range list {
		owner := o.of(m.Name)
		if owner == "" && strings.HasPrefix(m.Name, EventsTable("")) {
			owner = "the events of a stream of this name, if there is one"
		}
		if owner != "" {
			errs = append(errs, doc.Error{File: m.File, Line: m.Line, Message: fmt.Sprintf("a model cannot be named %s: the warehouse has this table for %s", doc.Brief(m.Name), owner)})
			continue
		}
		o[m.Name] = "model " + m.Name
	}
	return errs
}
