// Checks jobs against each other and against bursar.yaml.

package project

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

// checkJobs reports jobs after others that do not exist or that wait for them, and messages without a server that sends them.
func (p *Project) checkJobs() (errs []doc.Error) {
	fail := func(j *Job, key, format string, arguments ...any) {
		errs = append(errs, doc.Error{File: j.File, Line: j.lines.At(key), Message: fmt.Sprintf(format, arguments...)})
	}
	byName := map[string]*Job{}
	for _, j := range p.Jobs {
		byName[j.Name] = j
	}
	names := namesOf(p.Jobs, func(j **Job) string { return (*j).Name })
	for _, j := range p.Jobs {
		switch {
		case j.After == "":
		case j.After == j.Name:
			fail(j, "after", "`after` is the job itself, which would wait for ever: name another job, or leave it out")
		case byName[j.After] == nil:
			others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == j.Name })
			fail(j, "after", "`after` is %s: there is no such job%s", doc.Brief(j.After), doc.DidYouMean(j.After, others))
		}
		if j.Task.Email != nil && p.Config.lines["mail"] == 0 {
			fail(j, "task.email", "`email` needs a server that sends it: declare `mail: {address: …, from: …}` in bursar.yaml")
		}
	}
	for _, circle := range circles(p.Jobs, byName) {
		fail(byName[circle[0]], "after", "`after` makes jobs wait for each other: %s; remove one of them", strings.Join(circle, " after "))
	}
	return errs
}

// circles returns the jobs that wait for each other: each time from one of them back to itself.
func circles(jobs []*Job, byName map[string]*Job) (list [][]string) {
	visited := map[string]bool{}
	for _, j := range jobs {
		var path []string
		place := map[string]int{}
		for ; j != nil && !visited[j.Name]; j = byName[j.After] {
			place[j.Name] = len(path)
			path = append(path, j.Name)
			visited[j.Name] = true
		}
		if j == nil {
			continue
		}
		if start, ends := place[j.Name]; ends && j.After != j.Name {
			list = append(list, append(path[start:], j.Name))
		}
	}
	return list
}
