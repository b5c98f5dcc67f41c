// Tasks that execute one of Bursar's own commands, in this process.

package task

import (
	"context"
	"strconv"
	"strings"

	"bursar/internal/failure"
)

type command struct {
	*Executor
	arguments []*text
}

// firstDataExit and lastDataExit are the exit codes of Bursar's commands that say that the same command fails again (DESIGN §7).
const (
	firstDataExit = 2
	lastDataExit  = 4
)

func (c *command) execute(ctx context.Context, a *attempt) Outcome {
	arguments, err := renderAll(c.arguments, a.values)
	if err == nil && c.deps.Command == nil {
		err = errMissing("commands")
	}
	if err == nil {
		err = c.checkFlags(arguments)
	}
	if err != nil {
		return a.failed(ctx, "execute the command", err)
	}
	what := "execute bursar " + strings.TrimSpace(arguments[0])
	out := c.capture(a)
	exit := c.deps.Command(ctx, arguments, out)
	o := Outcome{State: Done}
	if exit != 0 {
		o = a.failed(ctx, what, failure.Wrap(c.exitClass(exit), exitError(exit)))
		o.Uncertain = ctx.Err() != nil
	}
	o.Exit = &exit
	o.Output, o.Cut = out.end()
	return o
}

// checkFlags refuses a value that would be read as a flag.
func (c *command) checkFlags(arguments []string) error {
	for i, t := range c.arguments {
		if t != nil && t.isValue && strings.HasPrefix(arguments[i], "-") {
			return badf("%s: the value %s begins with a hyphen and would be read as a flag: write it behind its flag, as in --name={{.key}}", t.place, strconv.Quote(arguments[i]))
		}
	}
	return nil
}

// exitClass returns the class of an exit code.
func (c *command) exitClass(exit int) failure.Class {
	class, declared := c.declaredClass(exit)
	switch {
	case declared:
		return class
	case exit >= firstDataExit && exit <= lastDataExit:
		return failure.Data
	}
	return failure.Transient
}

// declaredClass returns the class that the job declares for an exit code.
func (e *Executor) declaredClass(exit int) (class failure.Class, declared bool) {
	name, declared := e.job.Retry.ExitCodes[exit]
	if !declared {
		return failure.Bug, false
	}
	return failure.Parse(name)
}

// renderAll renders the words of a command.
func renderAll(list []*text, v values) (words []string, err error) {
	for _, t := range list {
		word, err := t.render(v)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}
