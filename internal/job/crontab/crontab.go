// Package crontab writes the entries of a crontab as declarations of jobs. It owns the grammar of crontabs: those of users, and those of the
// system, whose entries name a user. An imported job executes the same command at the same times as cron does; each line, or part of one, for which
// that is not so is in the report. It must not write files, or know what executes jobs.
package crontab

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/schedule"
)

// Options are what a crontab does not say.
type Options struct {
	System bool            // entries name a user between the times and the command, as in /etc/crontab and /etc/cron.d
	Zone   string          // of its times, unless CRON_TZ says another; empty is UTC
	Names  map[string]bool // of jobs that exist
}

// Report is what became of a crontab.
type Report struct {
	Jobs  []Imported
	Left  []Left   // what was not carried over, in the order of lines
	Notes []string // what is different for all jobs
}

// Imported is a job.
type Imported struct {
	Name string // a valid and new name of a job
	YAML string // the content of jobs/NAME.yaml
	Line int    // of its entry
}

// Left is a line, or a part of one that Text quotes, that was not carried over.
type Left struct {
	Line   int
	Text   string
	Reason string
}

// maxSize is the most that a crontab may contain: more is not a crontab.
const maxSize = 4 << 20

// importer reads line by line: a variable counts for the entries after it.
type importer struct {
	options     Options
	report      Report
	variables   map[string]string
	shell, home string // of the variables; empty: unset
	zone        *time.Location
	comment     []string // the lines right above
	names       map[string]bool
	users       map[string][]int // the lines of entries by their user
	found       findings
}

// Import reads a crontab. Errors are those of the reader, and of a content that is not text; wrong lines are in the report.
func Import(r io.Reader, o Options) (Report, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	switch {
	case err != nil:
		return Report{}, fmt.Errorf("read the crontab: %w", err)
	case len(content) > maxSize, bytes.IndexByte(content, 0) >= 0:
		return Report{}, failure.Wrap(failure.Data, fmt.Errorf("read the crontab: it is not a text of at most %d MB; name the file that `crontab -l` prints", maxSize>>20))
	}
	zone, err := loadZone(o.Zone)
	if err != nil {
		return Report{}, failure.Wrap(failure.Data, fmt.Errorf("read the crontab: %w", err))
	}
	i := importer{options: o, variables: map[string]string{}, zone: zone, names: map[string]bool{}, users: map[string][]int{}}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(content), "\ufeff")) {
		number++
		i.line(number, strings.TrimRight(line, "\r\n"))
	}
	i.reportUsers()
	slices.SortStableFunc(i.report.Left, func(a, b Left) int { return a.Line - b.Line })
	i.report.Notes = i.notes()
	return i.report, nil
}

// loadZone loads a zone by its name in the time zone database.
func loadZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, fmt.Errorf("zone %q is not the name of a time zone, such as Europe/Prague", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("zone %q is not the name of a time zone, such as Europe/Prague", name)
	}
	return zone, nil
}

func (i *importer) line(number int, text string) {
	trimmed := strings.TrimLeft(text, " \t")
	switch {
	case trimmed == "":
		i.comment = nil
		return
	case trimmed[0] == '#':
		i.comment = append(i.comment, strings.TrimSpace(strings.TrimLeft(trimmed, "#")))
		return
	}
	if name, value, is := parseVariable(trimmed); is {
		i.variable(number, name, value)
	} else if e, reason := parseEntry(trimmed, i.options.System); reason != "" {
		i.leave(number, text, reason)
	} else {
		i.entry(number, text, &e)
	}
	i.comment = nil
}

func (i *importer) leave(line int, text, reason string) {
	i.report.Left = append(i.report.Left, Left{Line: line, Text: text, Reason: reason})
}

// entry makes a job of an entry.
func (i *importer) entry(number int, text string, e *entry) {
	if i.zone == nil {
		i.leave(number, text, "the zone of its times is not known, because CRON_TZ above is not valid")
		return
	}
	if _, err := schedule.Parse(e.schedule, i.zone); err != nil {
		i.leave(number, text, fmt.Sprintf("the times %s can't be carried over: %v", e.schedule, err))
		return
	}
	c := parseCommand(e.command)
	c.shell, c.home = i.shell, i.home
	name := i.name(c.text, number)
	content, ok := i.declare(name, number, text, e.schedule, &c)
	if !ok {
		i.leave(number, text, "it contains characters that YAML can't express exactly: write its command into a script")
		return
	}
	i.names[name] = true
	i.report.Jobs = append(i.report.Jobs, Imported{Name: name, YAML: content, Line: number})
	i.found.add(number, i, &c)
	if i.options.System {
		i.users[e.user] = append(i.users[e.user], number)
	}
}

// reportUsers reports the users of a system crontab, each once.
func (i *importer) reportUsers() {
	for user, lines := range i.users {
		reason := "a task is executed as the user of its worker: start a worker as this user, or let the command change it, as with `sudo -u`"
		if len(lines) > 1 {
			reason += "; it is also the user of " + listLines(lines[1:])
		}
		i.leave(lines[0], user, reason)
	}
}

// listLines names lines.
func listLines(lines []int) string {
	var b strings.Builder
	for n, line := range lines {
		if n > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, line)
	}
	if len(lines) == 1 {
		return "line " + b.String()
	}
	return "lines " + b.String()
}
