// Package singer runs programs that print data in the Singer message format, and delivers the records and states that they print. It owns how
// settings and credentials become a command with its files and what the messages and the end of a program mean. It guarantees that every record
// before a state is delivered before it, with its text as it was printed, and that secrets are in no file that outlasts the program. It must not
// check records against their schema, which the stream that receives them does.
package singer

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
	"bursar/internal/process"
)

// account is the id of the only account: a program tells its data by streams.
const account = "main"

// Connector runs programs. Their settings are:
//
//	command     the program and its arguments, as a JSON list: ["venv/bin/tap-postgres", "--verbose"]. No shell interprets it. A path with a
//	            slash is relative to the project folder, another name is searched for in PATH.
//	config      a JSON file with what is not secret of the program's configuration
//	catalog     a file that is passed as --catalog
//	properties  a file that is passed as --properties, as older programs want it
//	env.NAME    an environment variable
//
// Paths are relative to the project folder, and inside it. A credential env.NAME becomes an environment variable, and any other a value of the
// configuration: a.b is the value b of the object a. The program gets PATH, HOME and LANG of this process, and no other variable that is not
// declared.
type Connector struct {
	private string // where folders with secrets are made; empty: where most systems keep files in memory
}

// LogIn checks the settings. The program logs in when it fetches.
func (c Connector) LogIn(_ context.Context, l connector.Login) (connector.Session, error) {
	p, err := parse(l.Settings, l.Credentials)
	if err != nil {
		return nil, err
	}
	p.folder = l.Folder
	return &session{program: p, private: c.private, permit: l.Permit, hidden: secretForms(l.Credentials)}, nil
}

// session runs the program once for each fetch.
type session struct {
	program *program
	private string
	permit  func(context.Context) error
	hidden  []string // the forms in which a secret may be printed
}

// List returns one account.
func (s *session) List(context.Context) ([]connector.Account, error) {
	return []connector.Account{{ID: account}}, nil
}

// Close has nothing to free.
func (s *session) Close(context.Context) error { return nil }

// Fetch runs the program with the cursor as its state. Records that are printed after the last state are delivered if the program succeeds; if it
// fails, it prints them again when the next fetch goes on from that state.
func (s *session) Fetch(ctx context.Context, r connector.Request, d connector.Delivery) (err error) {
	if r.Account != account {
		return &connector.UnknownAccountError{Account: r.Account}
	}
	if err := s.permit(ctx); err != nil {
		return err
	}
	files, err := newPrivateFolder(s.private)
	if err != nil {
		return fmt.Errorf("make a private folder for the configuration of %s: %w", s.program.name(), err)
	}
	defer func() {
		if left := files.remove(); left != nil {
			err = errors.Join(err, failure.Wrap(failure.Transient, fmt.Errorf("delete %s, which may contain secrets: %w; delete it by hand", files.path, left)))
		}
	}()
	c, err := s.program.command(files, r.Cursor)
	if err != nil {
		return s.hide(err)
	}
	return s.hide(s.run(ctx, c, newReceiver(ctx, r, d)))
}

// run executes the program. The first message that is wrong or can't be delivered stops it.
func (s *session) run(ctx context.Context, c process.Command, to *receiver) error {
	stoppable, stop := context.WithCancel(ctx)
	defer stop()
	out, said := &lines{handle: to.receive}, s.newTail()
	var stopped error
	c.Stdout = func(p []byte) {
		if stopped == nil {
			if stopped = out.add(p); stopped != nil {
				stop()
			}
		}
	}
	c.Stderr = said.add
	result, err := process.Run(stoppable, c)
	switch {
	case err != nil && stopped == nil:
		return err
	case ctx.Err() != nil:
		return failure.Wrap(failure.Transient, fmt.Errorf("execute %s: it was stopped %s: %w", s.program.name(), to.progress(), context.Cause(ctx)))
	case stopped != nil:
		return fmt.Errorf("execute %s: %w", s.program.name(), stopped)
	case !result.Succeeded():
		return newExitError(s.program.name(), &result, to.progress(), said.text())
	}
	if err := out.end(); err != nil {
		return fmt.Errorf("execute %s: %w", s.program.name(), err)
	}
	return to.flush()
}
