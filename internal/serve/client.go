// The other end of commands: how a command line is handed to the process that serves the project.

package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"bursar/internal/failure"
)

const (
	// startTime is how long a process may take from holding a project to serving it.
	startTime = 10 * time.Second
	// startPoll is how often it is looked for.
	startPoll = 20 * time.Millisecond
	// farewell is how long a command that was told to stop may take to end.
	farewell = 30 * time.Second
)

// ErrNotServed is what Call returns, wrapped, when nobody serves the project: it may be opened then.
var ErrNotServed = errors.New("the project is not served")

// Call has a command line carried out by the process that holds the project whose state is in the folder, copies what it
// prints and returns its exit code. A process that is still starting is waited for while held says that it has the project.
// When ctx ends the command is told to stop and its end awaited.
func Call(ctx context.Context, state string, process int, held func() bool, c Command, stdout, stderr io.Writer) (exit int, err error) {
	caller := &caller{state}
	if err := caller.find(ctx, process, held); err != nil {
		return 0, err
	}
	return caller.carryOut(ctx, c, stdout, stderr)
}

// caller speaks to the server of the project whose state is in a folder.
type caller struct{ state string }

// find waits until the process says that it serves, and takes commands.
func (c *caller) find(ctx context.Context, process int, held func() bool) error {
	patience, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(startPoll)
	defer tick.Stop()
	for {
		if c.isServed(ctx, process) {
			return nil
		}
		if !held() {
			return fmt.Errorf("process %d has ended: %w", process, ErrNotServed)
		}
		select {
		case <-tick.C:
		case <-patience.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			return failure.Wrap(failure.Transient, fmt.Errorf("process %d (`bursar up`) holds the project and takes no commands at %s after %s: "+
				"wait until it has started; stop it and start it again if it is of another version of bursar", process, SocketFile(c.state), startTime))
		}
	}
}

func (c *caller) isServed(ctx context.Context, process int) bool {
	if _, ok := readContact(c.state, process); !ok {
		return false
	}
	conn, err := dialSocket(ctx, c.state)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func (c *caller) request(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://bursar"+path, body)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, c.state) },
	}
	return (&http.Client{Transport: transport}).Do(r)
}

func (c *caller) carryOut(ctx context.Context, command Command, stdout, stderr io.Writer) (int, error) {
	body, err := json.Marshal(command)
	if err != nil {
		return 0, fmt.Errorf("hand over command: %w", err)
	}
	// The command is told to stop by a request of its own, so that its last words are still heard.
	call, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	answer, err := c.request(call, http.MethodPost, "/v1/commands", bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("hand command to `bursar up`: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("hand command to `bursar up`: %w", refusedBy(answer))
	}
	frames := json.NewDecoder(answer.Body)
	var first frame
	if err := frames.Decode(&first); err != nil {
		return 0, cutOff(err)
	}
	defer context.AfterFunc(ctx, func() { c.stop(call, first.ID, hangUp) })()
	return copyFrames(frames, stdout, stderr)
}

// stop tells a command to stop, and gives it up if it has not in time.
func (c *caller) stop(call context.Context, id string, hangUp func()) {
	time.AfterFunc(farewell, hangUp)
	answer, err := c.request(call, http.MethodDelete, "/v1/commands/"+id, http.NoBody)
	if err != nil {
		hangUp()
		return
	}
	_ = answer.Body.Close()
}

func copyFrames(frames *json.Decoder, stdout, stderr io.Writer) (int, error) {
	for {
		var one frame
		if err := frames.Decode(&one); err != nil {
			return 0, cutOff(err)
		}
		if one.Exit != nil {
			return *one.Exit, nil
		}
		if _, err := stdout.Write(one.Out); err != nil {
			return 0, fmt.Errorf("print result: %w", err)
		}
		if _, err := stderr.Write(one.Err); err != nil {
			return 0, fmt.Errorf("print: %w", err)
		}
	}
}

// cutOff is how a command ends whose server is gone.
func cutOff(err error) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("`bursar up` has gone before the command ended; what it did is durable: %w", err))
}

// refusedBy reads an error of the API.
func refusedBy(answer *http.Response) error {
	var p problem
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&p); err != nil {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	class, _ := failure.Parse(p.Error.Class)
	if p.Error.Class == "request" {
		class = failure.Data
	}
	return failure.Wrap(class, errors.New(p.Error.Message))
}
