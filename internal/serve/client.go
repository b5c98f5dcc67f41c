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
	// startTimeout is how long a process may take from holding a project to serving it.
	startTimeout = 10 * time.Second
	// startPollInterval is how often it is looked for.
	startPollInterval = 20 * time.Millisecond
	// stopTimeout is how long a command that was told to stop may take to end.
	stopTimeout = 30 * time.Second
)

// ErrNotServed is what Call returns, wrapped, when nobody serves the project: it may be opened then.
var ErrNotServed = errors.New("the project is not served")

// Forward has a command line carried out by the process that holds the project whose state is in the folder, copies what it
// prints and returns its exit code. A process that is still starting is waited for while held says that it has the project.
// When ctx ends the command is told to stop and its end awaited.
func Forward(ctx context.Context, state string, process int, locked func() bool, c Command, stdout, stderr io.Writer) (exit int, err error) {
	caller := &commandClient{state}
	if err := caller.waitUntilServed(ctx, process, locked); err != nil {
		return 0, err
	}
	return caller.run(ctx, c, stdout, stderr)
}

// commandClient speaks to the server of the project whose state is in a folder.
type commandClient struct{ state string }

// waitUntilServed waits until the process says that it serves, and takes commands.
func (c *commandClient) waitUntilServed(ctx context.Context, process int, locked func() bool) error {
	waitCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(startPollInterval)
	defer tick.Stop()
	for {
		if c.isServed(ctx, process) {
			return nil
		}
		if !locked() {
			return fmt.Errorf("process %d has ended: %w", process, ErrNotServed)
		}
		select {
		case <-tick.C:
		case <-waitCtx.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			return failure.Wrap(failure.Transient, fmt.Errorf("process %d (`bursar up`) holds the project and takes no commands at %s after %s: "+
				"wait until it has started; stop it and start it again if it is of another version of bursar", process, SocketFile(c.state), startTimeout))
		}
	}
}

func (c *commandClient) isServed(ctx context.Context, process int) bool {
	if _, ok := readEndpoint(c.state, process); !ok {
		return false
	}
	conn, err := dialSocket(ctx, c.state)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func (c *commandClient) request(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
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

func (c *commandClient) run(ctx context.Context, command Command, stdout, stderr io.Writer) (int, error) {
	body, err := json.Marshal(command)
	if err != nil {
		return 0, fmt.Errorf("hand over command: %w", err)
	}
	// The command is told to stop by a request of its own, so that its last words are still heard.
	callCtx, closeConnection := context.WithCancel(context.WithoutCancel(ctx))
	defer closeConnection()
	answer, err := c.request(callCtx, http.MethodPost, "/v1/commands", bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("hand command to `bursar up`: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("hand command to `bursar up`: %w", responseError(answer))
	}
	frames := json.NewDecoder(answer.Body)
	var first frame
	if err := frames.Decode(&first); err != nil {
		return 0, connectionLost(err)
	}
	defer context.AfterFunc(ctx, func() { c.stop(callCtx, first.ID, closeConnection) })()
	return copyFrames(frames, stdout, stderr)
}

// stop tells a command to stop, and gives it up if it has not in time.
func (c *commandClient) stop(callCtx context.Context, id string, closeConnection func()) {
	time.AfterFunc(stopTimeout, closeConnection)
	answer, err := c.request(callCtx, http.MethodDelete, "/v1/commands/"+id, http.NoBody)
	if err != nil {
		closeConnection()
		return
	}
	_ = answer.Body.Close()
}

func copyFrames(frames *json.Decoder, stdout, stderr io.Writer) (int, error) {
	for {
		var one frame
		if err := frames.Decode(&one); err != nil {
			return 0, connectionLost(err)
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

// connectionLost is how a command ends whose server is gone.
func connectionLost(err error) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("`bursar up` has gone before the command ended; what it did is durable: %w", err))
}

// responseError reads an error of the API.
func responseError(answer *http.Response) error {
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
