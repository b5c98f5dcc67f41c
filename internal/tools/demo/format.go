// Formats figures and commands for people.

package demo

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"
)

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

// size formats bytes as KiB or MiB.
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
