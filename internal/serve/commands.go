// Commands of other processes, which come through the project's socket only: the server carries out their command line on
// the open project and sends back, frame by frame, what it prints.

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

	"bursar/internal/serve/access"

	"golang.org/x/sync/semaphore"
)

// Command is one command line of another process.
type Command struct {
	Args      []string `json:"args"`
	Directory string   `json:"directory"` // absolute: what paths in the arguments are relative to
	OutWidth  int      `json:"out_width"` // columns of the terminal that standard output is, 0 if it is none
	ErrWidth  int      `json:"err_width"` // the same of standard error
}

// Commands carries out a command line on the open project and returns its exit code. It ends soon after ctx.
type Commands interface {
	Run(ctx context.Context, c Command, stdout, stderr io.Writer) int
}

// frame is one line of the answer to a command: first its id, then what it prints, at the end its exit code.
type frame struct {
	ID   string `json:"id,omitempty"`
	Out  []byte `json:"out,omitempty"`
	Err  []byte `json:"err,omitempty"`
	Exit *int   `json:"exit,omitempty"`
}

const (
	// maxCommandBytes bounds a command line: more than any system takes.
	maxCommandBytes = 4 << 20
	// maxCommands is how many commands are carried out at a time.
	maxCommands = 64
)

var (
	errCommand        = refuse(http.StatusBadRequest, "the body is no command", "send {\"args\":[…],\"directory\":\"/absolute/path\"}")
	errUnknownCommand = refuse(http.StatusNotFound, "there is no such command under way", "")
	errCommandBusy    = &refusal{
		status: http.StatusTooManyRequests, message: "too many commands are under way", hint: "try again when one has ended", retryAfter: defaultRetryAfter,
	}
)

// commands are those under way.
type commands struct {
	limit   *semaphore.Weighted
	cancels sync.Map // id → context.CancelFunc
}

// commandRoutes are those of the socket. They need no token: who may open the socket may read the project's state.
func (s *Server) commandRoutes() []route {
	return []route{
		{"POST /v1/commands", access.Open, s.command},
		{"DELETE /v1/commands/{id}", access.Open, s.cancelCommand},
	}
}

func (s *Server) command(w http.ResponseWriter, r *http.Request) error {
	var c Command
	rc := http.NewResponseController(w)
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommandBytes)) // to its end, or nobody sees the client go
	if err != nil {
		return errCommand
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil || len(c.Args) == 0 || !filepath.IsAbs(c.Directory) {
		return errCommand
	}
	_ = rc.SetReadDeadline(time.Time{})  // a writer without deadlines is a test's
	_ = rc.SetWriteDeadline(time.Time{}) // commands take what they take, and are read as slowly
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
	exit := s.options.Commands.Run(ctx, c, outputWriter{out, func(b []byte) frame { return frame{Out: b} }},
		outputWriter{out, func(b []byte) frame { return frame{Err: b} }})
	out.send(frame{Exit: &exit})
	return nil
}

// cancelCommand tells a command to stop, as an interrupt would; its frames go on until it has.
func (s *Server) cancelCommand(w http.ResponseWriter, r *http.Request) error {
	cancel, ok := s.commands.cancels.Load(r.PathValue("id"))
	if !ok {
		return errUnknownCommand
	}
	cancel.(context.CancelFunc)() //nolint:errcheck // nothing else is stored
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// frameWriter sends frames one after another. A client that is gone stops its command.
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
