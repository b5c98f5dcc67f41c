// The values of an attempt that templates may use.

package task

import (
	"maps"
	"slices"
	"time"

	"bursar/internal/project"
)

// The variables that each task has, as in project.TaskVariables. A column of the partition query with one of these names can't be used by templates.
const (
	keyVariable  = "key"
	jobVariable  = "job"
	slotVariable = "slot"
	dateVariable = "date"
	idVariable   = "id"
)

// values are the variables of an attempt; nil is null.
type values map[string]any

func valuesOf(a *Attempt) values {
	v := make(values, len(a.Columns)+len(project.TaskVariables))
	for _, column := range a.Columns {
		v[column] = nil
	}
	for column, value := range a.Values {
		v[column] = value
	}
	v[keyVariable], v[jobVariable], v[idVariable] = a.Key, a.Job, a.ID
	v[slotVariable], v[dateVariable] = a.slot(), a.date()
	return v
}

// local is the due time in the job's zone.
func (a *Attempt) local() time.Time {
	if a.Zone == nil {
		return a.Due.UTC()
	}
	return a.Due.In(a.Zone)
}

// slot is the due time as templates and programs get it.
func (a *Attempt) slot() string { return a.local().Format(time.RFC3339) }

// date is the local date of the due time.
func (a *Attempt) date() string { return a.local().Format(time.DateOnly) }

func (a *Attempt) columns() []string {
	if a.Columns != nil {
		return a.Columns
	}
	return slices.Collect(maps.Keys(a.Values))
}

// texts returns the values with the empty text for null.
func (v values) texts() map[string]any {
	t := make(map[string]any, len(v))
	for name, value := range v {
		if value == nil {
			value = ""
		}
		t[name] = value
	}
	return t
}
