// The command of an entry, and how a task executes it as cron does.

package crontab

import "strings"

// command is what an entry executes.
type command struct {
	text     string
	input    string // for its standard input
	hasInput bool
	shell    string // empty: defaultShell
	home     string // the folder to start it in; empty: the project folder
}

// defaultShell executes commands without SHELL.
const defaultShell = "/bin/sh"

// inputLines are what cron makes of a % in the input. A \ protects it even behind another \.
var inputLines = strings.NewReplacer(`\%`, "%", "%", "\n")

// parseCommand splits a command at the first % that has no \ before it. After it is the standard input, in which each such % ends a line.
func parseCommand(line string) command {
	text, input, hasInput := cutPercent(line)
	c := command{text: text, input: inputLines.Replace(input), hasInput: hasInput}
	if c.input != "" && !strings.HasSuffix(c.input, "\n") {
		c.input += "\n"
	}
	return c
}

// cutPercent cuts a text at the first % that is not \%, which stands for a %. A \ before another \ protects that one only.
func cutPercent(line string) (before, after string, found bool) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '%':
			return b.String(), line[i+1:], true
		case line[i] == '\\' && i+1 < len(line):
			i++
			if line[i] != '%' {
				b.WriteByte('\\')
			}
			b.WriteByte(line[i])
		default:
			b.WriteByte(line[i])
		}
	}
	return b.String(), "", false
}

// exec returns the program and its arguments. Where a shell must prepare something, it gets the command's own shell, the command and the input as
// $0, $1 and $2, so that nothing is quoted.
func (c *command) exec() []string {
	shell := c.shell
	if shell == "" {
		shell = defaultShell
	}
	run := `exec "$0" -c "$1"`
	words := []string{shell, c.text}
	if c.hasInput {
		run = `printf '%s' "$2" | "$0" -c "$1"`
		words = append(words, c.input)
	}
	if c.home != "" {
		run = `cd "$HOME" || exit; ` + run
	}
	if !c.hasInput && c.home == "" {
		return []string{shell, "-c", literal(c.text)}
	}
	exec := []string{defaultShell, "-c", run}
	for _, word := range words {
		exec = append(exec, literal(word))
	}
	return exec
}

// literal returns a template, or setting, whose value is a text.
func literal(text string) string {
	if text == "" {
		return `{{""}}` // declarations refuse what is empty
	}
	text = strings.ReplaceAll(text, "{{", `{{"{{"}}`)
	for _, reference := range []string{"env:", "vault:"} {
		if rest, is := strings.CutPrefix(text, reference); is {
			return `{{"` + reference + `"}}` + rest
		}
	}
	return text
}
