// Programs and queries that list the partitions of a slot.

package task

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/process"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// parsePartitionSQL parses the query that lists the partitions; nil if there is none. It is asked before there are tasks, so that it has the
// variables of the slot only.
func parsePartitionSQL(j *project.Job) (*text, []doc.Error) {
	p := &parser{job: j}
	query := p.sql("partition.sql", j.Partition.SQL)
	if query == nil {
		return nil, p.errs
	}
	for _, name := range query.variables {
		if !slices.Contains(project.SlotVariables, name) {
			p.fail(query.key, fmt.Errorf("unknown variable .%s; before there are tasks there are .%s", name, strings.Join(project.SlotVariables, ", .")))
		}
	}
	return query, p.errs
}

// PartitionSQL returns the query that lists the partitions of the slot that is due at a time; empty if the job has none.
func (e *Executor) PartitionSQL(due time.Time) (string, error) {
	a := Attempt{Job: e.job.Name, Due: due, Zone: e.job.Zone}
	return e.query.render(values{jobVariable: a.Job, slotVariable: a.slot(), dateVariable: a.date()})
}

// List executes the program that lists the partitions of a job, and calls stdout with what it writes to its standard output. Its environment is
// that of this process without Bursar's settings and the hidden variables.
func (e *Executor) List(ctx context.Context, stdout func([]byte)) error {
	if e.job.Timeout > 0 {
		timeout := fmt.Errorf("it took longer than %s; raise `timeout` if it needs more time", project.FormatTime(e.job.Timeout))
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.job.Timeout, timeout)
		defer cancel()
	}
	words := e.job.Partition.Command
	c := process.Command{Path: words[0], Args: words[1:], Dir: e.deps.Dir, Env: e.listEnvironment(), Stdout: stdout, Keep: 2 * lastOutput}
	r, err := process.Run(ctx, c)
	switch cause := context.Cause(ctx); {
	case err != nil:
		return fmt.Errorf("execute %s: %w", c.Path, err)
	case cause != nil:
		return failure.Wrap(failure.Transient, fmt.Errorf("execute %s: %w", c.Path, cause))
	case !r.Succeeded():
		class := exitClass(r.Exit)
		if declared, isDeclared := e.declaredClass(r.Exit); isDeclared {
			class = declared
		}
		return failure.Wrap(class, fmt.Errorf("execute %s: exit code %d%s", c.Path, r.Exit, saidLast(r.Output)))
	}
	return nil
}

// lastOutput is how many bytes of what a program has written last are in its error.
const lastOutput = 500

// saidLast quotes what a program has written last.
func saidLast(output []byte) string {
	last := strings.ToValidUTF8(string(output[max(len(output)-lastOutput, 0):]), "�")
	if last = strings.TrimSpace(last); last == "" {
		return ""
	}
	return "; its last output is " + strconv.Quote(last)
}

func (e *Executor) listEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, envPrefix) || slices.Contains(e.deps.Hidden, name)
	})
	return append(env, jobEnv+"="+e.job.Name)
}
