// Handlers of the command socket: the server runs the command lines of other processes on the open project and streams
// their output back as frames.

package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Command is one command line of another process.
type Command struct {
	Args      []string `json:"args"`
	Directory string   `json:"directory"` // absolute; paths in Args are relative to it
	OutWidth  int      `json:"out_width"` // columns of the terminal on standard output; 0 if it is not a terminal
	ErrWidth  int      `json:"err_width"` // the same for standard error
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
