// Arguments: how many a command takes, in which order flags may stand, and what a shell completes.

package main

import (
	"fmt"
	"strings"

	"bursar/internal/project"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// argCount checks the number of arguments; a negative most is no limit.
func argCount(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("%s needs more arguments: %s", cmd.CommandPath(), cmd.UseLine())
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%s takes no argument %q: %s", cmd.CommandPath(), args[most], cmd.UseLine())
		}
		return nil
	}
}

// commandFirst moves flags that stand before a command behind it: only the command's own flags tell which of them take
// a value.
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
		sub := child(cmd, arg)
		if sub == nil {
			break
		}
		rest := append(append([]string{}, args[:i]...), args[i+1:]...)
		return append([]string{arg}, commandFirst(sub, rest)...)
	}
	return args
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if sub.Name() == name {
			return sub
		}
	}
	return nil
}

// takesValue is true of a flag whose value is the next argument, in whichever command it is declared.
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

// completeStream completes a first argument that names a stream; files follow.
func (c *cli) completeStream(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	p, _ := project.Read(c.project) // its errors are another command's to tell
	return streamNames(p), cobra.ShellCompDirectiveNoFileComp
}

// completePipeline completes a first argument that names a pipeline.
func (c *cli) completePipeline(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	p, _ := project.Read(c.project) // its errors are another command's to tell
	return pipelineNames(p), cobra.ShellCompDirectiveNoFileComp
}

func streamNames(p *project.Project) []string {
	var names []string
	for _, s := range p.Streams {
		names = append(names, s.Name)
	}
	return names
}

func pipelineNames(p *project.Project) []string {
	names := make([]string, len(p.Pipelines))
	for i, l := range p.Pipelines {
		names[i] = l.Name
	}
	return names
}

func institutionNames(p *project.Project) []string {
	names := make([]string, len(p.Institutions))
	for i, l := range p.Institutions {
		names[i] = l.Name
	}
	return names
}
