// Package role names the roles of a process: which kinds of work it does for a project. On shared backends each process may have some
// of them. The package must not know what a role does.
package role

import (
	"fmt"
	"slices"
	"strings"
)

// Role is one kind of work. A role whose work comes from Temporal has the task queue of the same name.
type Role string

// The roles.
const (
	Intake    Role = "intake"    // owns streams: receives, checks and seals events
	Reconcile Role = "reconcile" // workflows of pipelines, and their steps but for the index
	Index     Role = "index"     // loads the index
	Aggregate Role = "aggregate" // refreshes accounts
	Warehouse Role = "warehouse" // publishes into the warehouse
	Job       Role = "job"       // slots of jobs, and their tasks
	API       Role = "api"       // the HTTP API
)

// All returns all roles, which `bursar up` has.
func All() []Role { return []Role{Intake, Reconcile, Index, Aggregate, Warehouse, Job, API} }

// Parse reads a list such as "reconcile,index".
func Parse(list string) ([]Role, error) {
	var roles []Role
	for name := range strings.SplitSeq(list, ",") {
		one := Role(strings.TrimSpace(name))
		if !slices.Contains(All(), one) {
			return nil, fmt.Errorf("%q is not a role: use some of %s", name, Join(All()))
		}
		if !slices.Contains(roles, one) {
			roles = append(roles, one)
		}
	}
	return roles, nil
}

// Join writes what Parse reads.
func Join(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}
