// Names of jobs: each is made of the program that its command executes.

package crontab

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"bursar/internal/project"
)

// longestName is the length of names before a number that makes them unique.
const longestName = 40

func set(words string) map[string]bool {
	s := map[string]bool{}
	for _, w := range strings.Fields(words) {
		s[w] = true
	}
	return s
}

var (
	joins      = regexp.MustCompile("\\$\\([^()]*\\)|`[^`]*`|[0-9]*>&[0-9-]+|&>+") // substitutions, and redirections with &
	separators = regexp.MustCompile("&&|\\|\\||[;|&(){}`\\n]")
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	amount     = regexp.MustCompile(`^[0-9.]+[smhd]?$`)
	extension  = regexp.MustCompile(`\.(sh|bash|py|pl|rb|php|js|jar)$`)

	// keywords stand before a command, prepared ones say nothing of it, wrapping ones execute their arguments, and interpreters a file; shells both.
	keywords     = set("if then else elif while until do ! fi done")
	prepared     = set("[ [[ test cd command sleep export set umask . source true : exit type which trap ulimit echo printf")
	wrapping     = set("nice ionice exec env sudo nohup time timeout flock chronic setsid stdbuf run-one chrt")
	shells       = set("sh bash dash zsh ksh")
	interpreters = set("sh bash dash zsh ksh perl python python2 python3 ruby php node java run-parts")
)

// name returns a new name for a job.
func (i *importer) name(command string, line int) string {
	name := nameOf(command)
	if name == "" {
		name = fmt.Sprintf("line_%d", line)
	}
	unique := name
	for n := 2; i.names[unique] || i.options.Names[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", name, n)
	}
	return unique
}

// nameOf returns the name of the first program of a command, or else of the first command that prepares for one.
func nameOf(command string) string {
	fallback := ""
	for _, segment := range separators.Split(joins.ReplaceAllString(command, ""), -1) {
		name, isProgram := nameOfSegment(strings.Fields(segment))
		switch {
		case name == "":
		case isProgram:
			return name
		case fallback == "":
			fallback = name
		}
	}
	return fallback
}

func nameOfSegment(words []string) (name string, isProgram bool) {
	interpreter, isWrapped := "", false
	for n, word := range words {
		word = strings.Trim(word, `"'`)
		base := path.Base(word)
		switch {
		case keywords[word], assignment.MatchString(word), strings.ContainsAny(word, "<>"), n > 0 && (redirection.MatchString(words[n-1]) || isWrapped && words[n-1] == "-u"), isWrapped && isLock(words[:n]):
		case shells[interpreter] && word == "-c":
			interpreter, isWrapped = "", true
		case interpreter != "" && (word == "-c" || word == "-e" || word == "-r"): // its argument is a program
			return valid(interpreter), true
		case (isWrapped || interpreter != "") && (strings.HasPrefix(word, "-") || amount.MatchString(word)):
		case wrapping[base]:
			isWrapped = true
		case interpreters[base] && interpreter == "":
			interpreter = base
		case interpreter == "" && prepared[word]:
			return valid(base), false
		default:
			if own := valid(base); own != "" {
				return own, true
			}
		}
	}
	return valid(interpreter), interpreter != ""
}

// redirection matches an operator whose file is the next word.
var redirection = regexp.MustCompile(`^[0-9]*[<>]+$`)

// isLock reports whether the lock file of flock comes after these words.
func isLock(before []string) bool {
	for n := len(before) - 1; n >= 0; n-- {
		if !strings.HasPrefix(before[n], "-") && !amount.MatchString(before[n]) {
			return path.Base(before[n]) == "flock"
		}
	}
	return false
}

// valid makes a valid name, or none.
func valid(word string) string {
	name := project.SnakeCase(extension.ReplaceAllString(word, ""))
	if name != "" && (name[0] < 'a' || name[0] > 'z') {
		name = "job_" + name
	}
	return strings.TrimRight(name[:min(len(name), longestName)], "_")
}
