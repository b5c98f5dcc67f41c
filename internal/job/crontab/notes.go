// What is different from cron for all jobs, or several of them.

package crontab

import (
	"regexp"
	"slices"
	"strings"
)

// findings are what notes are about.
type findings struct {
	jobs       int
	zone       bool // a job's clock may change
	folder     bool // a job has no HOME
	path       bool // a job has no PATH
	background []int
	root       []int // a user's commands that begin with a user
	secrets    []string
}

// background matches a & that ends a command, and neither && nor a redirection.
var background = regexp.MustCompile(`(^|[^&<>|\\])&([ \t);]|$)`)

func (f *findings) add(line int, i *importer, c *command) {
	f.jobs++
	f.zone = f.zone || i.zone.String() != "UTC"
	f.folder = f.folder || c.home == ""
	_, hasPath := i.variables["PATH"]
	f.path = f.path || !hasPath
	if background.MatchString(c.text) {
		f.background = append(f.background, line)
	}
	if word, _ := nextWord(c.text); word == "root" && !i.options.System {
		f.root = append(f.root, line)
	}
}

// notes returns the notes about what was found.
func (i *importer) notes() (notes []string) {
	f := &i.found
	add := func(is bool, note string) {
		if is && f.jobs > 0 {
			notes = append(notes, note)
		}
	}
	add(true, "as with cron, a command is executed once at each time, however it ends, also while an earlier one is executed, and not for times that were "+
		"missed; jobs have the longest `timeout`, 168h. Where a command may be repeated, remove `once` and `retry`, and let `catch_up` be `latest`")
	add(true, "any machine with the role job executes commands, and not that of the crontab only")
	add(f.folder, "commands start in the project folder, and not in the home folder of a user")
	add(f.path, "programs are searched for in the PATH of the worker, and not in cron's /usr/bin:/bin; all other variables of a worker are set, too")
	add(f.zone, "where the clock changes, a time that it skips is due at the first instant after the gap, and one that it shows twice is due once, at the "+
		"first; crons differ: many execute entries with * or steps by elapsed time, so every 15 minutes goes on while an hour is repeated, and here it does not")
	add(len(f.background) > 0, "commands that go on in the background are killed a second after the first process has ended: remove the & of "+listLines(f.background))
	secrets := slices.Compact(slices.Sorted(slices.Values(f.secrets)))
	add(len(secrets) > 0, "secrets do not belong in files of a project: put "+strings.Join(secrets, ", ")+" into the vault, and write vault:NAME as the values in `env`")
	add(len(f.root) > 0, "a command begins with root: if this is a system crontab, whose entries name a user, import it as such; see "+listLines(f.root))
	return notes
}
