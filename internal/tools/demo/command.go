// Runs commands as separate processes, to their end or until they are killed at a point of their work, and formats what is shown.

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	pollEvery   = time.Millisecond // between checks whether to kill the process
	stopTimeout = 20 * time.Second // for an interrupted command to end
)

// exitError is an error with the exit code of the demonstration (DESIGN §7).
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

// ExitCode is that of the failed command, or 4.
func (e *exitError) ExitCode() int { return e.code }

// unbalanced is the error of control totals that do not balance (rule 4).
func unbalanced(format string, args ...any) error { return &exitError{4, fmt.Sprintf(format, args...)} }

func (s *demonstration) run(ctx context.Context, into any, args ...string) error {
	_, _, err := s.kill(ctx, into, nil, args...)
	return err
}

// kill starts a command and sends it SIGKILL when killNow returns true. If the command ends first, killed is false and into
// contains its result.
func (s *demonstration) kill(ctx context.Context, into any, killNow func() bool, args ...string) (killed bool, took time.Duration, err error) {
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.Program, append(append([]string{}, args...), "--project", s.Dir, "--json")...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTimeout
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return false, 0, fmt.Errorf("start %s: %w", s.commandLine(args...), err)
	}
	stop := s.killWhen(cmd.Process, killNow)
	err = cmd.Wait()
	stop()
	took = time.Since(began)
	s.busy += took
	switch {
	case ctx.Err() != nil:
		return false, took, ctx.Err()
	case killNow != nil && wasKilled(err):
		return true, took, nil
	case err != nil:
		return false, took, s.commandError(err, stderr.String(), args)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return false, took, fmt.Errorf("read what %s printed: %w", s.commandLine(args...), err)
	}
	return false, took, nil
}

// killWhen kills the process when killNow returns true, unless stop is called before. A nil killNow never kills.
func (s *demonstration) killWhen(process *os.Process, killNow func() bool) (stop func()) {
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		if killNow == nil {
			return
		}
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for !killNow() {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
		_ = process.Kill() // the process may have ended in the meantime
	}()
	return func() {
		close(ended)
		<-watched
	}
}

func wasKilled(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// commandError makes an error from what the command printed on standard error.
func (s *demonstration) commandError(err error, stderr string, args []string) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("run %s: %w", s.commandLine(args...), err)
	}
	text := strings.TrimSpace(stderr)
	lines := strings.Split(text, "\n")
	var printed struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(lines[len(lines)-1]), &printed) == nil && printed.Error != "" {
		text = printed.Error
	}
	return &exitError{exit.ExitCode(), fmt.Sprintf("%s: exit code %d: %s", s.commandLine(args...), exit.ExitCode(), text)}
}

type fileCount struct {
	files int
	bytes int64
}

// countFiles walks a folder that another process writes to. Files that disappear during the walk do not count.
func countFiles(dir, prefix string) (t fileCount) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
			if info, err := entry.Info(); err == nil {
				t.files++
				t.bytes += info.Size()
			}
		}
		return nil
	})
	return t
}

func (s *demonstration) objects(path ...string) string {
	return filepath.Join(append([]string{s.Dir, ".bursar", "objects"}, path...)...)
}

// unfinished counts the objects that are written but not committed.
func (s *demonstration) unfinished() fileCount { return countFiles(s.objects(".tmp"), "") }

func (s *demonstration) manifest(batch uint64) string {
	return s.objects("streams", stream, "batches", fmt.Sprintf("%08d", batch), "manifest.json")
}

// delta counts the files that reduce, the first step of a run, has made.
func (s *demonstration) delta(run uint64) fileCount {
	return countFiles(s.objects("pipelines", pipeline, "g0001", "runs", fmt.Sprintf("%08d", run)), "delta-")
}

// bufferLimit is the size of input that intake may write at once at the end.
const bufferLimit = 16 << 20

// midIntake returns a condition that is true once an intake of input bytes has created its objects and, unless the input is
// short, written to them.
func (s *demonstration) midIntake(input int64, seen *fileCount) func() bool {
	return func() bool {
		*seen = s.unfinished()
		return seen.bytes > 0 || seen.files > 0 && input < bufferLimit
	}
}

// midRun returns a condition that is true once a run has made its delta, and before it is published.
func (s *demonstration) midRun(run uint64, seen *fileCount) func() bool {
	return func() bool {
		*seen = s.delta(run)
		return seen.files > 0
	}
}

// discardLog drops the log of the project that the demonstration opens. Its errors are returned.
var discardLog = slog.New(slog.DiscardHandler)

func (s *demonstration) printf(format string, args ...any) { s.Line(fmt.Sprintf(format, args...)) }

func (s *demonstration) heading(title string) {
	s.Line("")
	s.Line(title)
	s.Line(strings.Repeat("─", len([]rune(title))))
}

// number formats a count with thousands separators.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// rate formats n per duration as a number per second.
func rate(n int64, d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return number(int64(float64(n) / d.Seconds()))
}

func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}

func mark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}

// commandLine formats a command for a shell, with quotes where they are needed.
func (s *demonstration) commandLine(args ...string) string {
	words := make([]string, 0, len(args)+3)
	for _, word := range append(append([]string{s.Name}, args...), "--project", s.Dir) {
		words = append(words, shellQuote(word))
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./%+=:,@-]+$`)

func shellQuote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
