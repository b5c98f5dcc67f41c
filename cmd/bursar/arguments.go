// Command-line arguments: their number, flags before the command, and shell completion.

package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/project"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// readUsage takes from a usage line how many arguments the command has, and how the first is completed: [X] may be left out, X… may be
// repeated, and flags end the list.
func (c *cli) readUsage(cmd *cobra.Command) {
	least, most, repeated := 0, 0, false
	for i, word := range strings.Fields(cmd.Use)[1:] {
		name := strings.Trim(word, "[]")
		if strings.HasPrefix(name, "--") {
			break
		}
		most++
		if name == word {
			least++
		}
		name, more := strings.CutSuffix(name, "…")
		repeated = repeated || more
		switch {
		case i == 0 && name == "STREAM":
			cmd.ValidArgsFunction = c.completeFirst(streamNames, cobra.ShellCompDirectiveDefault) // files follow
		case i == 0 && name == "PIPELINE":
			cmd.ValidArgsFunction = c.completeFirst(pipelineNames, cobra.ShellCompDirectiveNoFileComp)
		case i == 0 && name == "TABLE":
			cmd.ValidArgsFunction = c.completeFirst(tableNames, cobra.ShellCompDirectiveNoFileComp)
		case i == 0 && name == "INSTITUTION":
			cmd.ValidArgsFunction = c.completeFirst(institutionNames, cobra.ShellCompDirectiveNoFileComp)
		}
	}
	if repeated {
		most = -1
	}
	cmd.Args = argCount(least, most)
}

// argCount checks the number of arguments. A negative most means no upper limit.
func argCount(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("%s needs more arguments: %s", cmd.CommandPath(), cmd.UseLine())
		case most >= 0 && len(args) > most && cmd.HasAvailableSubCommands():
			return fmt.Errorf("%s has no command %q: it has %s", cmd.CommandPath(), args[most], strings.Join(commandNames(cmd), ", "))
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%s does not accept argument %q: %s", cmd.CommandPath(), args[most], cmd.UseLine())
		}
		return nil
	}
}

// commandNames lists the commands of a group.
func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// commandFirst moves flags that precede a command behind it, because only the command's flags show which of them take a
// value.
func commandFirst(cmd *cobra.Command, args []string) []string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			break
		}
		if len(arg) > 1 && arg[0] == '-' {
			if takesValue(cmd.Root(), arg) {
				i++
			}
			continue
		}
		at := slices.IndexFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Name() == arg || sub.HasAlias(arg) })
		if at < 0 {
			break
		}
		rest := slices.Concat(args[:i], args[i+1:])
		return append([]string{arg}, commandFirst(cmd.Commands()[at], rest)...)
	}
	return args
}

// takesValue reports whether the value of a flag is the next argument. It searches the flags of all commands.
func takesValue(cmd *cobra.Command, arg string) bool {
	if strings.Contains(arg, "=") {
		return false
	}
	for _, set := range []*pflag.FlagSet{cmd.PersistentFlags(), cmd.Flags()} {
		if f := set.Lookup(strings.TrimLeft(arg, "-")); f != nil && f.NoOptDefVal == "" {
			return true
		}
	}
	for _, sub := range cmd.Commands() {
		if takesValue(sub, arg) {
			return true
		}
	}
	return false
}

// countVar defines a flag whose value is a whole number that is not negative.
func countVar(flags *pflag.FlagSet, n *int, name string, byDefault int, usage string) {
	*n = byDefault
	flags.Var((*count)(n), name, usage)
}

// count is the value of such a flag.
type count int

func (n *count) String() string { return strconv.Itoa(int(*n)) }

// Type is the name of the value in help texts.
func (n *count) Type() string { return "int" }

// Set parses the number.
func (n *count) Set(text string) error {
	parsed, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return errors.New("use a whole number that is not negative")
	}
	*n = count(parsed)
	return nil
}

// flagFault says what is wrong with the value of a flag, in place of the messages of the libraries that parse it.
func flagFault(e *pflag.InvalidValueError) string {
	var number *strconv.NumError
	if !errors.As(e, &number) {
		return e.Error()
	}
	expected := "use a whole number that is not negative"
	if e.GetFlag().Value.Type() == "bool" {
		expected = "use true or false"
	}
	return fmt.Sprintf("invalid argument %q for \"--%s\" flag: %s", e.GetValue(), e.GetFlag().Name, expected)
}

// completeFirst completes the first argument of a command by one of the names, and the others as rest says.
func (c *cli) completeFirst(names func(*project.Project) []string, rest cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, rest
		}
		p, _ := project.Read(c.project) // completion ignores errors; `bursar check` reports them
		return names(p), cobra.ShellCompDirectiveNoFileComp
	}
}

func streamNames(p *project.Project) []string {
	return namesOf(p.Streams, func(s *project.Stream) string { return s.Name })
}

func pipelineNames(p *project.Project) []string {
	return namesOf(p.Pipelines, func(p *project.Pipeline) string { return p.Name })
}

func namesOf[T any](declared []T, name func(T) string) (names []string) {
	for _, d := range declared {
		names = append(names, name(d))
	}
	return names
}
