// Package process executes programs and leaves nothing of them behind. It owns how a program is started, followed, stopped and accounted for:
// each gets a session of its own and a guard, which is another process of the same binary. When Run returns, and within a second of the worker's
// death, no process that the program started is left, even one that left its group or session, or lost its parents. What is kept of the output is
// bounded. It must not know what programs are for, decide whether one has succeeded, or repeat it.
package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/failure"
)

// Mark is the environment variable that each program gets in addition to its own. Its value is random, and names the execution.
const Mark = "BURSAR_PROCESS"

// DefaultGrace is the time between SIGTERM and SIGKILL if a command does not say it.
const DefaultGrace = 5 * time.Second

// ErrUnknownEnd is in the chain of errors of programs that may have been executed, completely or in part, without anybody knowing how they ended.
var ErrUnknownEnd = errors.New("how it ended is not known")

// Command is a program to execute. Its standard input is empty.
type Command struct {
	Path  string   // with a slash: relative to Dir; without: searched in PATH of Env
	Args  []string // without the program's name
	Env   []string // NAME=value: all that the program gets, besides Mark
	Dir   string   // empty: the folder of this process
	Grace time.Duration
	Keep  int // bytes of the output that are kept: its first and its last half

	// Confirm is a text that a line of standard output should contain; Result says whether one did. If it is empty, standard output and error
	// share a pipe, so that their order is exact.
	Confirm string

	// Stdout and Stderr get the standard output and the standard error alone, as Live gets all; if one is set, these have a pipe each.
	Stdout, Stderr func([]byte)

	// Live gets all output while it is written. Of these functions, one is called at a time. They must not keep the bytes. While one does not
	// return, the program waits.
	Live func([]byte)

	// Guard is a binary that calls GuardMain with its other arguments if the first one is GuardCommand. The default is this process's own.
	Guard string
}

// Result is how a program ended. A program ends when its first process does; others that it left behind have a second to end by themselves.
type Result struct {
	Exit       int    // 128 + its number after a signal, as in shells
	Signal     string // that ended the program, as in SIGKILL; empty is none
	TimedOut   bool   // it was stopped because the deadline of the context passed
	Cancelled  bool   // it was stopped because the context ended otherwise
	LeftBehind bool   // processes were still running a second after its end, and were killed
	Confirmed  bool   // Command.Confirm was found, or is empty

	Output []byte // if bytes were cut, they followed its first Keep/2
	Cut    int64

	UserTime, SystemTime time.Duration // of all processes of the program
	MaxRSS               int64         // bytes, of the largest of them; 0: less than the guard's, and so not known
	Wall                 time.Duration // until its first process ended
}

// Succeeded reports whether a program ended by itself, with exit code 0, and has printed what it was to confirm.
func (r *Result) Succeeded() bool {
	return r.Exit == 0 && r.Signal == "" && !r.TimedOut && !r.Cancelled && r.Confirmed
}

// Run executes a program until it has ended. When ctx ends, all its processes get SIGTERM, and after Grace SIGKILL; that is no error, and
// recorded in the result. An error is Data if the program can't be started as it is declared, and otherwise Transient. ErrUnknownEnd is in its chain
// if the program may have been executed.
func Run(ctx context.Context, c Command) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, failure.Wrap(failure.Transient, fmt.Errorf("start %s: %w", c.Path, context.Cause(ctx)))
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	w, err := startGuard(&c)
	if err != nil {
		return Result{}, failure.Wrap(failure.Transient, fmt.Errorf("start the guard of %s: %w; check this machine's limits on processes and open files", c.Path, err))
	}
	stop := context.AfterFunc(ctx, w.stop)
	defer stop()
	ended, err := w.await(ctx)
	isLost := ended == nil && err == nil
	w.finish(isLost)
	switch {
	case isLost:
		return Result{}, w.lostError()
	case err != nil:
		return Result{}, err
	}
	r := w.result(ended)
	if ended.Stopped {
		r.TimedOut = errors.Is(ctx.Err(), context.DeadlineExceeded)
		r.Cancelled = !r.TimedOut
	}
	if len(ended.Left) > 0 {
		err = failure.Wrap(failure.Transient, fmt.Errorf("kill %s: the processes %v are still running %v after SIGKILL; end them by hand", c.Path, ended.Left, giveUp))
	}
	return r, err
}
