// Which of Bursar's own commands a task may execute.

package project

import (
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

// TaskCommands are the commands that a task may be: they work on data or report about them, and end. The others never end, start or manage
// processes and jobs, or change the project itself and its secrets.
var TaskCommands = []string{
	"archive", "completeness", "exceptions", "export", "get", "import", "ingest", "load", "model", "publish", "quarantine", "query",
	"rebuild", "restore", "retract", "run", "status", "trace", "unkeyed", "verify",
}

// checkCommand checks a command line, without the program's name.
func checkCommand(s doc.Section, words []string) {
	if len(words) == 0 || words[0] == "" {
		return
	}
	path := item(s.At(BursarTask), 0)
	switch name := words[0]; {
	case name == "bursar" && len(words) > 1:
		s.Src.FailAt(path, "`bursar` begins with the program's own name: write the command alone, as in [%s, …]", doc.Brief(words[1]))
	case strings.HasPrefix(name, "-"):
		s.Src.FailAt(path, "`bursar` begins with %s: write the command first and its flags behind it", doc.Brief(name))
	case !slices.Contains(TaskCommands, name):
		s.Src.FailAt(path, "`bursar` is %s, which a task cannot execute; it may be one of %s%s", doc.Brief(name), strings.Join(TaskCommands, ", "), doc.DidYouMean(name, TaskCommands))
	}
	for i, word := range words {
		if word == "--project" || strings.HasPrefix(word, "--project=") {
			s.Src.FailAt(item(s.At(BursarTask), i), "`bursar` has --project: a task works on the project of its job; leave it out")
		}
	}
}
