// The lines of a crontab: variables, and entries of times and a command.

package crontab

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// entry is a command with its times.
type entry struct {
	schedule string
	user     string // of a system crontab
	command  string // with its % as they are
}

const blanks = " \t"

// parseVariable parses NAME = VALUE. Both may be in quotes. As in cron, nothing is expanded, and a # does not begin a comment.
func parseVariable(line string) (name, value string, is bool) {
	switch quote := line[0]; quote {
	case '"', '\'':
		end := strings.IndexByte(line[1:], quote)
		if end < 0 {
			return "", "", false
		}
		name, line = line[1:1+end], line[end+2:]
	default:
		end := strings.IndexAny(line, blanks+"=")
		if end < 0 {
			return "", "", false
		}
		name, line = line[:end], line[end:]
	}
	line, is = strings.CutPrefix(strings.TrimLeft(line, blanks), "=")
	if !is || name == "" {
		return "", "", false
	}
	value = strings.Trim(line, blanks)
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		value = value[1 : n-1]
	}
	return name, value, true
}

// names are the times with a name, and what Bursar calls them.
var names = map[string]string{
	"@yearly": "@yearly", "@annually": "@yearly", "@monthly": "@monthly", "@weekly": "@weekly", "@daily": "@daily", "@midnight": "@daily",
	"@hourly": "@hourly", "@every_minute": "* * * * *",
}

// userPattern is what a user may be called, with a group or class as in BSD.
var userPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.@:-]*\$?$`)

// parseEntry parses an entry. If it can't be carried over, it returns the reason.
func parseEntry(line string, isSystem bool) (e entry, reason string) {
	if !utf8.ValidString(line) {
		return e, "it is not UTF-8: convert the file, as with iconv"
	}
	if e.schedule, line, reason = parseTimes(line); reason != "" {
		return e, reason
	}
	if isSystem {
		if e.user, line = nextWord(line); !userPattern.MatchString(e.user) {
			return e, "a system crontab has a user before the command, and this is not one: import a user's crontab as such"
		}
	}
	if e.command = line; strings.Trim(line, blanks) == "" {
		return e, "it has no command"
	}
	return e, ""
}

// parseTimes parses five fields, or a name.
func parseTimes(line string) (schedule, rest, reason string) {
	if line[0] == '@' {
		name, rest := nextWord(line)
		schedule, isKnown := names[strings.ToLower(name)]
		switch {
		case strings.EqualFold(name, "@reboot"):
			return "", "", "a job is due at a time, and not when a machine starts: start it as a service, or give it a schedule"
		case !isKnown:
			return "", "", name + " is not a name of times that is known here: write five fields"
		}
		return schedule, rest, ""
	}
	line = strings.TrimPrefix(line, "-") // some crons then do not log the execution
	var texts []string
	for i := range fields {
		var text string
		if text, line = nextWord(line); text == "" {
			return "", "", "it is neither a comment, a variable, nor five fields of times and a command"
		}
		if i > 0 && isCommand(text) {
			return "", "", fmt.Sprintf("it has %d of the five fields of times: the command begins with %s", i, text)
		}
		if reason := fields[i].check(text); reason != "" {
			return "", "", reason
		}
		texts = append(texts, text)
	}
	if reason := checkDays(texts[dayField], texts[weekdayField]); reason != "" {
		return "", "", reason
	}
	for i, text := range texts {
		if slices.Contains(strings.Split(text, ","), "*") {
			texts[i] = "*" // it includes the others, so schedules refuse those
		}
	}
	return strings.Join(texts, " "), line, ""
}

// commandPattern matches what begins a command, and no field of times: paths, file names, quotes, and what shells expand.
var commandPattern = regexp.MustCompile("^~?/|[.$\"'`(=\\[]")

func isCommand(word string) bool { return commandPattern.MatchString(word) }

// nextWord returns the text until the next blanks, and what follows them.
func nextWord(line string) (word, rest string) {
	end := strings.IndexAny(line, blanks)
	if end < 0 {
		return line, ""
	}
	return line[:end], strings.TrimLeft(line[end:], blanks)
}
