// The command socket: the server runs the command lines of other processes on the open project and streams their output back as frames, and
// the client forwards a command line to the process that serves the project.

package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"bursar/internal/failure"

	"golang.org/x/sync/semaphore"
)

// Command is one command line of another process.
type Command struct {
	Args      []string `json:"args"`
	Directory string   `json:"directory"`       // absolute; paths in Args are relative to it
	OutWidth  int      `json:"out_width"`       // columns of the terminal on standard output; 0 if it is not a terminal
	ErrWidth  int      `json:"err_width"`       // the same for standard error
	Input     []byte   `json:"input,omitempty"` // what the command has read from standard input
}

// Commands runs a command line on the open project and returns its exit code, soon after ctx ends.
type Commands func(ctx context.Context, c Command, stdout, stderr io.Writer) int

// frame is one line of the response to a command. The first has the command's id, the last its exit code, the others its output.
type frame struct {
	ID   string `json:"id,omitempty"`
	Out  []byte `json:"out,omitempty"`
	Err  []byte `json:"err,omitempty"`
	Exit *int   `json:"exit,omitempty"`
}

const (
	// maxCommandBytes bounds a command line. No system allows longer ones.
	maxCommandBytes = 4 << 20
	// maxCommands is how many commands run at a time.
	maxCommands = 64
)

var (
	errCommand        = refuse(http.StatusBadRequest, "the body is not a valid command", "send {\"args\":[…],\"directory\":\"/absolute/path\"}")
	errUnknownCommand = refuse(http.StatusNotFound, "no such command is running", "")
	errCommandBusy    = &refusal{
		status: http.StatusTooManyRequests, message: "too many commands are running", hint: "try again when one of them has ended", retryAfter: defaultRetryAfter,
	}
)

type commands struct {
	limit   *semaphore.Weighted
	cancels sync.Map // id → context.CancelFunc
}

func (s *Server) command(w http.ResponseWriter, r *http.Request) error {
	var c Command
	rc := http.NewResponseController(w)
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommandBytes)) // read to the end, so that the server notices when the client disconnects
	if err != nil {
		return errCommand
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil || len(c.Args) == 0 || !filepath.IsAbs(c.Directory) {
		return errCommand
	}
	_ = rc.SetReadDeadline(time.Time{})  // only writers of tests do not support deadlines
	_ = rc.SetWriteDeadline(time.Time{}) // commands may run for long
	if !s.commands.limit.TryAcquire(1) {
		return errCommandBusy
	}
	defer s.commands.limit.Release(1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	id := rand.Text()
	s.commands.cancels.Store(id, cancel)
	defer s.commands.cancels.Delete(id)

	w.Header().Set("Content-Type", "application/x-ndjson")
	out := &frameWriter{w: w, flush: rc.Flush, onDisconnect: cancel}
	out.send(frame{ID: id})
	exit := s.options.Commands(ctx, c, outputWriter{out, func(b []byte) frame { return frame{Out: b} }},
		outputWriter{out, func(b []byte) frame { return frame{Err: b} }})
	out.send(frame{Exit: &exit})
	return nil
}

// cancelCommand cancels a command, like an interrupt does. Its frames continue until it ends.
func (s *Server) cancelCommand(w http.ResponseWriter, r *http.Request) error {
	cancel, ok := s.commands.cancels.Load(r.PathValue("id"))
	if !ok {
		return errUnknownCommand
	}
	cancel.(context.CancelFunc)() //nolint:errcheck // nothing else is stored
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// frameWriter sends frames one after another. If a write fails, the client has disconnected, and it cancels the command.
type frameWriter struct {
	mu           sync.Mutex
	w            io.Writer
	flush        func() error
	onDisconnect func()
	err          error
}

func (f *frameWriter) send(one frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	if f.err = json.NewEncoder(f.w).Encode(one); f.err == nil {
		f.err = f.flush()
	}
	if f.err != nil {
		f.onDisconnect()
	}
}

// outputWriter is standard output or standard error of a command.
type outputWriter struct {
	frames  *frameWriter
	toFrame func([]byte) frame
}

// Write sends the bytes as a frame.
func (f outputWriter) Write(b []byte) (int, error) {
	if len(b) > 0 {
		f.frames.send(f.toFrame(b))
	}
	f.frames.mu.Lock()
	defer f.frames.mu.Unlock()
	return len(b), f.frames.err
}

const (
	// startTimeout bounds the time between locking a project and serving it.
	startTimeout = 10 * time.Second
	// startPollInterval is how often the client looks for the server meanwhile.
	startPollInterval = 20 * time.Millisecond
	// stopTimeout bounds the time between cancelling a command and its end.
	stopTimeout = 30 * time.Second
)

// ErrNotServed is returned by Forward, wrapped, if no process serves the project. The caller may open it then.
var ErrNotServed = errors.New("the project is not served")

// Forward runs a command line in the process that serves the project with this state folder, copies its output and returns
// its exit code. It waits for a process that is still starting, as long as locked reports that the process has locked the
// project. When ctx ends, Forward cancels the command and waits for its end.
func Forward(ctx context.Context, state string, process int, locked func() bool, c Command, stdout, stderr io.Writer) (exit int, err error) {
	caller := &commandClient{state}
	if err := caller.waitUntilServed(ctx, process, locked); err != nil {
		return 0, err
	}
	return caller.run(ctx, c, stdout, stderr)
}

// commandClient sends requests to the command socket of the project with this state folder.
type commandClient struct{ state string }

// waitUntilServed waits until the process has announced its endpoint and accepts connections on the socket.
func (c *commandClient) waitUntilServed(ctx context.Context, process int, locked func() bool) error {
	waitCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(startPollInterval)
	defer tick.Stop()
	for {
		if _, announced := readEndpoint(c.state, process); announced {
			if conn, err := dialSocket(ctx, c.state); err == nil {
				_ = conn.Close()
				return nil
			}
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
			return failure.Wrap(failure.Transient, fmt.Errorf("process %d (`bursar up`) has the project locked and accepts no commands at %s after %s: "+
				"wait until it has started; stop it and start it again if it runs another version of bursar", process, SocketFile(c.state), startTimeout))
		}
	}
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
		return 0, fmt.Errorf("forward command: %w", err)
	}
	// The command is cancelled by a separate request, so that the client still receives its remaining output.
	callCtx, closeConnection := context.WithCancel(context.WithoutCancel(ctx))
	defer closeConnection()
	answer, err := c.request(callCtx, http.MethodPost, "/v1/commands", bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("forward command to `bursar up`: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("forward command to `bursar up`: %w", responseError(answer))
	}
	frames := json.NewDecoder(answer.Body)
	var first frame
	if err := frames.Decode(&first); err != nil {
		return 0, connectionLost(err)
	}
	defer context.AfterFunc(ctx, func() { c.stop(callCtx, first.ID, closeConnection) })()
	return copyFrames(frames, stdout, stderr)
}

// stop cancels a command, and closes the connection if the command has not ended in time.
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

// connectionLost returns the error of a command whose server has stopped.
func connectionLost(err error) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("`bursar up` stopped before the command ended; what the command did so far is durable: %w", err))
}

func responseError(answer *http.Response) error {
	var p problem
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&p); err != nil {
		return fmt.Errorf("unexpected status %s", answer.Status)
	}
	class, _ := failure.Parse(p.Error.Class)
	if p.Error.Class == "request" {
		class = failure.Data
	}
	return failure.Wrap(class, errors.New(p.Error.Message))
}
