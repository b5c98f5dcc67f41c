// Reads `task`: what is executed for each partition.

package project

import (
	"strings"

	"bursar/internal/project/doc"
)

// taskKinds are the keys of `task` of which exactly one is given.
var taskKinds = []string{ExecTask, HTTPKind, SQLTask, EmailKind, BursarTask}

func (j *Job) readTask(o doc.Section) {
	s := o.Sub("task", "exec", "http", "sql", "email", "bursar", "env", "dir", "confirm")
	if !o.Has("task") {
		return
	}
	oneKind(s, taskKinds)
	v := j.variablesOf(o)
	j.Task.Exec = readArguments(s, "exec")
	v.checkAll(s, "exec", j.Task.Exec)
	j.Task.readProgram(s, v)
	if s.Has("http") {
		j.Task.readHTTP(s, v)
	}
	j.Task.SQL = s.Expression("sql")
	v.checkSQL(s, "sql", j.Task.SQL)
	if s.Has("email") {
		j.Task.readEmail(s, v)
	}
	j.Task.Bursar = readArguments(s, "bursar")
	v.checkAll(s, "bursar", j.Task.Bursar)
	checkCommand(s, j.Task.Bursar)
}

// readProgram reads the keys that only programs have.
func (t *Task) readProgram(s doc.Section, v variables) {
	for _, key := range []string{"env", "dir", "confirm"} {
		if s.Has(key) && !s.Has("exec") && !s.Misspelt["exec"] {
			s.Fail(key, "belongs to `exec`%s", map[bool]string{true: ": write it within `http`"}[key == "confirm" && s.Has("http")])
		}
	}
	if t.Dir = s.Text("dir"); strings.Contains(t.Dir, "{{") {
		s.Fail("dir", "is not a template: name a folder")
	}
	refuseReference(s, "dir", t.Dir)
	t.Confirm = readConfirm(s, v)
	t.Env = readEnvironment(s, v)
}

func readConfirm(s doc.Section, v variables) string {
	text := v.text(s, "confirm")
	if strings.ContainsAny(text, "\r\n") {
		s.Fail("confirm", "has a line break: write what one line must contain")
	}
	return text
}

// ownVariables begin the names of environment variables that Bursar sets and reads.
const ownVariables = "BURSAR_"

func readEnvironment(s doc.Section, v variables) map[string]string {
	env := s.Sub("env")
	if len(env.Keys) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, name := range env.Keys {
		switch {
		case !variableName.MatchString(name):
			env.Src.FailAt(env.At(name), "%s is not a valid name of an environment variable: use letters, digits and _", doc.Brief(name))
		case strings.HasPrefix(name, ownVariables):
			env.Src.FailAt(env.At(name), "%s begins with %s, as the variables that Bursar itself sets: choose another name", doc.Brief(name), ownVariables)
		}
		values[name] = v.setting(env, name)
		if strings.Contains(values[name], "\x00") {
			env.Fail(name, "has a NUL character, which no program can be given")
		}
	}
	return values
}
