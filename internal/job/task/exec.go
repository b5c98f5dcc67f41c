// Exec tasks: a program, its environment, and what its end means.

package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/failure"
	"bursar/internal/process"
)

// The environment variables that a program gets. Those of this process with the prefix are Bursar's own settings, which it does not get.
const (
	envPrefix    = "BURSAR_"
	jobEnv       = "BURSAR_JOB"
	slotEnv      = "BURSAR_SLOT"
	partitionEnv = "BURSAR_PARTITION"
	taskEnv      = "BURSAR_TASK" // the idempotency key
	attemptEnv   = "BURSAR_ATTEMPT"
)

// The exit codes of sysexits.h, which say that the same input fails again; one of them is for failures that pass.
const (
	firstSysexit = 64
	lastSysexit  = 78
	tempFailExit = 75
)

// program is a declared program.
type program struct {
	*Executor
	words   []*text
	env     map[string]*text
	dir     *text
	confirm *text
	environ func() []string
	run     func(context.Context, process.Command) (process.Result, error)
}

func newProgram(e *Executor, p *parser) *program {
	t := &e.job.Task
	g := &program{
		Executor: e, words: p.arguments("task.exec", t.Exec), env: map[string]*text{},
		dir: p.text("task.dir", t.Dir), confirm: p.text("task.confirm", t.Confirm), environ: os.Environ, run: process.Run,
	}
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		g.env[name] = p.setting("task.env."+name, t.Env[name], "")
	}
	return g
}

func (g *program) execute(ctx context.Context, a *attempt) Outcome {
	c, err := g.build(a)
	if err != nil {
		return a.failed(ctx, "start the program", err)
	}
	what := "execute " + c.Path
	out := g.capture(a)
	c.Live = func(p []byte) { _, _ = out.Write(p) }
	r, err := g.run(ctx, c)
	var o Outcome
	switch {
	case err != nil:
		o = a.failed(ctx, what, complete{err})
		o.Uncertain = errors.Is(err, process.ErrUnknownEnd)
	default:
		o = g.judge(ctx, a, what, &r)
		o.Exit = &r.Exit
	}
	o.CPU, o.MaxRSS = r.UserTime+r.SystemTime, r.MaxRSS
	o.Output, o.Cut = out.end()
	return o
}

// build renders the command. Its output is captured as it comes, because secrets are replaced before any of it is cut.
func (g *program) build(a *attempt) (process.Command, error) {
	words, err := renderAll(g.words, a.values)
	if err != nil {
		return process.Command{}, err
	}
	if len(words) == 0 || words[0] == "" {
		return process.Command{}, badf("`exec` names no program")
	}
	dir, err := g.folder(a)
	if err != nil {
		return process.Command{}, err
	}
	confirm, err := g.confirm.render(a.values)
	if err != nil {
		return process.Command{}, err
	}
	env, err := g.environment(a)
	if err != nil {
		return process.Command{}, err
	}
	if i := slices.IndexFunc(slices.Concat(words, env), func(s string) bool { return strings.ContainsRune(s, 0) }); i >= 0 {
		return process.Command{}, badf("an argument or an environment variable contains a NUL character, which programs can't be given")
	}
	return process.Command{Path: words[0], Args: words[1:], Env: env, Dir: dir, Confirm: confirm}, nil
}

// folder returns the folder that the program is started in.
func (g *program) folder(a *attempt) (string, error) {
	dir, err := g.dir.render(a.values)
	if err != nil || dir == "" {
		return g.deps.Dir, err
	}
	if !filepath.IsLocal(dir) {
		return "", badf("%s must be a folder inside the project folder", g.place("task.dir"))
	}
	return filepath.Join(g.deps.Dir, dir), nil
}

// environment returns the program's environment, sorted.
func (g *program) environment(a *attempt) ([]string, error) {
	env := map[string]string{}
	for _, variable := range g.environ() {
		name, value, _ := strings.Cut(variable, "=")
		if name != "" && !strings.HasPrefix(name, envPrefix) && !slices.Contains(g.deps.Hidden, name) {
			env[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g.env)) {
		value, err := g.resolve(a, g.env[name])
		if err != nil {
			return nil, err
		}
		env[name] = value
	}
	env[jobEnv], env[slotEnv], env[partitionEnv] = a.Job, a.slot(), a.Key
	env[taskEnv], env[attemptEnv] = a.ID, strconv.Itoa(a.Number)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list, nil
}

// judge says what the end of a program means.
func (g *program) judge(ctx context.Context, a *attempt, what string, r *process.Result) Outcome {
	switch {
	case r.TimedOut, r.Cancelled:
		return a.failed(ctx, what, passingf("it was stopped before it ended"))
	case r.Signal != "":
		return a.failed(ctx, what, passingf("killed by %s", r.Signal))
	case r.Exit != 0:
		class := exitClass(r.Exit)
		if declared, isDeclared := g.declaredClass(r.Exit); isDeclared {
			class = declared
		}
		return a.failed(ctx, what, failure.Wrap(class, exitError(r.Exit)))
	case !r.Confirmed:
		return a.failed(ctx, what, badf("exit code 0, but no line of its standard output contains the text of `confirm`"))
	}
	return Outcome{State: Done}
}

// exitClass returns the class of an exit code that the job does not declare.
func exitClass(exit int) failure.Class {
	if exit >= firstSysexit && exit <= lastSysexit && exit != tempFailExit {
		return failure.Data
	}
	return failure.Transient
}

// exitError says where the reason is: output is not part of errors.
func exitError(exit int) error { return fmt.Errorf("exit code %d; its output says why", exit) }
