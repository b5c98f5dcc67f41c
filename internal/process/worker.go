// The worker's side of a guard: starts it, asks it to stop, and takes over if it dies.

package process

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"bursar/internal/failure"
)

const (
	// backstop is how long a guard may take to report the end after it should have given up.
	backstop = 5 * time.Second
	// guardErrors are the most bytes of a guard's own messages that are kept.
	guardErrors = 4096
)

// supervision is a guard that executes a program, as its worker sees it.
type supervision struct {
	command  *Command
	mark     string
	guard    *exec.Cmd
	control  *os.File // closing it makes the guard kill everything
	reports  chan report
	incoming *os.File // where reports are read from
	output   *output
	messages bounded // what the guard prints: nothing, unless it fails

	starting bool // the program may have been executed
}

// startGuard starts a guard and passes it the specification of the program.
func startGuard(c *Command) (*supervision, error) {
	w := &supervision{
		command: c, mark: rand.Text(), output: newOutput(c), messages: bounded{half: guardErrors / 2},
		reports: make(chan report, 3), // as many as there are: whoever sends them never waits
	}
	streams := 1
	if c.Confirm != "" || c.Stdout != nil || c.Stderr != nil {
		streams = 2
	}
	ours, theirs, err := openPipes(streams)
	if err != nil {
		return nil, err
	}
	w.guard = guardCommand(c.Guard, w.mark)
	w.guard.ExtraFiles, w.guard.Stderr, w.guard.WaitDelay = theirs, &w.messages, backstop
	err = w.guard.Start()
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return nil, err
	}
	w.control, w.incoming = ours[0], ours[1]
	for i, pipe := range ours[2:] {
		w.output.follow(pipe, i == 0)
	}
	go w.receive()
	w.specify(streams > 1)
	return w, nil
}

// openPipes opens the pipes of a guard, in the order of its file descriptors.
func openPipes(streams int) (ours, theirs []*os.File, err error) {
	for i := range 2 + streams {
		read, write, err := os.Pipe()
		if err != nil {
			closeAll(ours)
			closeAll(theirs)
			return nil, nil, err
		}
		if controlFD+i == controlFD {
			read, write = write, read
		}
		ours, theirs = append(ours, read), append(theirs, write)
	}
	return ours, theirs, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// Write makes what the guard prints the kept bytes.
func (b *bounded) Write(p []byte) (int, error) {
	b.add(p)
	return len(p), nil
}

// specify writes the specification. A guard that is already dead is noticed where reports are read.
func (w *supervision) specify(separate bool) {
	c := w.command
	s := specification{Path: c.Path, Dir: c.Dir, Grace: c.Grace, Mark: w.mark, Separate: separate}
	for _, a := range c.Args {
		s.Args = append(s.Args, []byte(a))
	}
	for _, e := range c.Env {
		s.Env = append(s.Env, []byte(e))
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // it has only strings and numbers
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(backstop))
	_, _ = w.control.Write(append(text, '\n'))
	_ = w.control.SetWriteDeadline(time.Time{})
}

// receive passes on reports until the guard ends.
func (w *supervision) receive() {
	defer close(w.reports)
	for lines := bufio.NewReader(w.incoming); ; {
		line, err := lines.ReadBytes('\n')
		var r report
		if err != nil || json.Unmarshal(line, &r) != nil {
			return
		}
		w.reports <- r
		if r.Ended != nil || r.Refused != nil {
			return
		}
	}
}

// stop asks the guard to end the program.
func (w *supervision) stop() { _, _ = w.control.Write([]byte{stopByte}) }

// await waits for the program's end. It returns nil if the guard died, or did not report the end in time.
func (w *supervision) await(ctx context.Context) (*ending, error) {
	cancelled, late := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case r, more := <-w.reports:
			switch {
			case !more:
				return nil, nil
			case r.Starting:
				w.starting = true
			case r.Refused != nil:
				return nil, &startError{program: w.command.Path, startFailure: *r.Refused}
			case r.Ended != nil:
				return r.Ended, nil
			}
		case <-cancelled:
			cancelled, late = nil, time.After(w.command.Grace+giveUp+backstop)
		case <-late:
			return nil, nil
		}
	}
}

// finish ends the guard, which has nothing left to do, and reads the rest of the output. If the guard has lost the program, it kills what is
// marked as the program's.
func (w *supervision) finish(lost bool) {
	_ = w.guard.Process.Kill()
	_ = w.guard.Wait()
	_ = w.control.Close()
	if lost {
		sweep(0, w.mark, time.Now().Add(giveUp))
	}
	_ = w.incoming.Close()
	w.output.drain()
}

// lostError says that the guard has not reported how the program ended.
func (w *supervision) lostError() error {
	kept, _ := w.messages.bytes()
	cause := fmt.Sprintf("its guard ended unexpectedly (%v)", w.guard.ProcessState)
	if said := strings.TrimSpace(string(kept)); said != "" {
		cause += ": " + said
	}
	err := errors.New(cause)
	if w.starting {
		err = fmt.Errorf("%s: %w", cause, ErrUnknownEnd)
	}
	return failure.Wrap(failure.Transient, fmt.Errorf("execute %s: %w", w.command.Path, err))
}

// result joins how the program ended and what it printed.
func (w *supervision) result(e *ending) Result {
	r := Result{
		Exit: e.Exit, Signal: e.Signal, LeftBehind: e.LeftBehind, Confirmed: w.output.confirm.Found(),
		UserTime: e.User, SystemTime: e.System, MaxRSS: e.MaxRSS, Wall: e.Wall,
	}
	r.Output, r.Cut = w.output.kept.bytes()
	return r
}

// guardCommand returns the command of a guard. It gets a session of its own, so that signals from a terminal do not reach it, and of the
// environment only what its binary may need to be loaded.
func guardCommand(binary, mark string) *exec.Cmd {
	if binary == "" {
		binary = ownBinary()
	}
	guard := &exec.Cmd{Path: binary, Args: []string{"bursar", GuardCommand, mark}, SysProcAttr: ownSession(), Env: []string{}}
	for _, name := range []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v := os.Getenv(name); v != "" {
			guard.Env = append(guard.Env, name+"="+v)
		}
	}
	return guard
}

// programEnv returns the environment of the program: the mark, and what the command says.
func (s *specification) programEnv() []string {
	env := []string{Mark + "=" + s.Mark}
	for _, e := range s.Env {
		env = append(env, string(e))
	}
	return slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, Mark+"=") && e != env[0] })
}
