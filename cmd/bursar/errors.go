// Prints the error of a failed command: one line with the reason, a next step, and the exit code.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/failure"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitUsage is the exit code of bad usage (DESIGN §7).
const exitUsage = 2

// usageError is a usage error that the command's own code found.
type usageError struct{ text string }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func (e *usageError) Error() string { return e.text }

// Class is Data: repeating the same call does not help.
func (e *usageError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7).
func (e *usageError) ExitCode() int { return exitUsage }

// unbalancedError is the error of verify and completeness when control totals do not balance.
type unbalancedError struct {
	error
	failure.Unbalanced
}

// hintedError is an error with a next step for the user.
type hintedError struct {
	error
	hint string
}

func (e *hintedError) Unwrap() error { return e.error }

// withHint adds a next step to an error. A nil error stays nil, and an empty hint adds nothing.
func withHint(err error, format string, args ...any) error {
	if err == nil || format == "" {
		return err
	}
	return &hintedError{err, fmt.Sprintf(format, args...)}
}

// interruptedError is the error of an interrupted command. It says what the interruption leaves behind.
type interruptedError struct {
	error
	consequence string
}

func (e *interruptedError) Unwrap() error { return e.error }

// problem is the form in which --json prints an error on standard error.
type problem struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	Class string `json:"class"`
	Exit  int    `json:"exit"`
}

// fail prints an error on standard error and returns its exit code. An error before the command's own code starts is a usage
// error.
func (c *cli) fail(ctx context.Context, cmd *cobra.Command, args []string, err error) int {
	p := c.describe(ctx, cmd, err)
	if c.json || requestsJSON(args) {
		if text, err := json.Marshal(p); err == nil {
			fmt.Fprintf(c.err, "%s\n", text)
		}
		return p.Exit
	}
	fmt.Fprintf(c.err, "error: %s", printable(p.Error))
	if p.Class != "usage" && p.Class != "interrupted" {
		fmt.Fprintf(c.err, " [%s]", p.Class)
	}
	fmt.Fprintln(c.err)
	if p.Hint != "" {
		fmt.Fprintf(c.err, "hint: %s\n", printable(p.Hint))
	}
	return p.Exit
}

func (c *cli) describe(ctx context.Context, cmd *cobra.Command, err error) problem {
	p := problem{Error: oneLine(err.Error()), Class: failure.Of(err).String(), Exit: failure.ExitCode(err)}
	var next *hintedError
	if errors.As(err, &next) {
		p.Hint = next.hint
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		p.Error = flagFault(invalid)
	}
	var usage *usageError
	if !c.started || errors.As(err, &usage) {
		p.Class, p.Exit = "usage", exitUsage
		if text, similar, ok := strings.Cut(err.Error(), "Did you mean this?"); ok { // cobra's suggestion
			p.Error = oneLine(text)
			p.Hint = "did you mean " + strings.Join(strings.Fields(similar), " or ") + "?"
		}
		if p.Hint == "" {
			p.Hint = fmt.Sprintf("`%s --help` shows how it is used", cmd.CommandPath())
		}
		return p
	}
	// Drivers report an interruption with different errors, so the context decides.
	if ctx.Err() != nil && p.Exit == 1 {
		c.log.Info("interrupted", "error", err)
		p.Error, p.Class = "interrupted", "interrupted"
		var stopped *interruptedError
		if errors.As(err, &stopped) {
			p.Error += "; " + stopped.consequence
		}
	}
	return p
}

// requestsJSON searches the arguments for --json, because parsing may have failed before it.
func requestsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--json" || arg == "--json=true" {
			return true
		}
	}
	return false
}
