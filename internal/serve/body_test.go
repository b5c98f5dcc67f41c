// Bodies beyond the limits: too long, too slow, cut off, decompressing without end, too many at a time.

package serve

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// dial opens a connection and sends a request's head.
func (a *api) dial(head ...string) (net.Conn, *bufio.Reader) {
	a.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(a.t.Context(), "tcp", a.http.Listener.Addr().String())
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = conn.Close() })
	text := "POST " + payments + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + secret + "\r\n" + strings.Join(head, "\r\n") + "\r\n\r\n"
	if _, err := io.WriteString(conn, text); err != nil {
		a.t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// readStatus reads a response from a connection and returns its status.
func (a *api) readStatus(in *bufio.Reader) int {
	a.t.Helper()
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	readContract(a.t).check(a.t, posting, apiResponse{answer.StatusCode, answer.Header}, body)
	return answer.StatusCode
}

// checkIdle fails the test unless so many bodies were accepted and all their memory is released.
func (a *api) checkIdle(taken int) {
	a.t.Helper()
	if got := a.project.accepted(); len(got) != taken {
		a.t.Errorf("%d bodies were accepted, want %d", len(got), taken)
	}
	if err := a.server.bodyPool.limit.Acquire(a.t.Context(), maxPoolBytes); err != nil { // waits for handlers to end
		a.t.Error(err)
	}
	a.server.bodyPool.limit.Release(maxPoolBytes)
}

// TestHugeLength answers before any of the ten gigabytes is sent.
func TestHugeLength(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	for _, expect := range []string{"X-A: b", "Expect: 100-continue"} {
		_, in := a.dial("Content-Length: 10737418240", expect)
		if got := a.readStatus(in); got != 413 {
			t.Errorf("%d, want 413", got)
		}
	}
	a.checkIdle(0)
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	conn, in := a.dial("Content-Length: 3", "Expect: 100-continue")
	line, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("%q, %v, want 100", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "{}\n"); err != nil {
		t.Fatal(err)
	}
	if got := a.readStatus(in); got != 200 {
		t.Errorf("%d, want 200", got)
	}
	a.checkIdle(1)
}

// blanks is a body of spaces: of remaining bytes, or endless if remaining is negative.
type blanks struct{ remaining int64 }

func (e *blanks) Read(b []byte) (int, error) {
	if e.remaining == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), e.remaining)
	for i := range b[:n] {
		b[i] = ' '
	}
	e.remaining -= n
	return int(n), nil
}

// TestEndlessBody sends chunks without end, as they are and compressed.
func TestEndlessBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	conn, in := a.dial("Transfer-Encoding: chunked")
	go func() {
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<20, strings.Repeat(" ", 1<<20))
		for {
			if _, err := io.WriteString(conn, chunk); err != nil {
				return // the server has closed the connection
			}
		}
	}()
	if got := a.readStatus(in); got != 413 {
		t.Errorf("%d, want 413", got)
	}
	a.checkIdle(0)
}

func TestDecompressionBombs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	const unfolded = 1 << 30
	var zipped, zstded bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	zst, err := zstd.NewWriter(&zstded)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{zip, zst} {
		if _, err := io.Copy(w, &blanks{unfolded}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for encoding, body := range map[string][]byte{"gzip": zipped.Bytes(), "zstd": zstded.Bytes()} {
		answer, text := a.do(apiCall{pattern: posting, path: payments, body: bytes.NewReader(body), header: map[string]string{"Content-Encoding": encoding}})
		if answer.StatusCode != 413 {
			t.Errorf("%s: %d %s, want 413", encoding, answer.StatusCode, text)
		}
	}
	a.checkIdle(0)
}

// TestLargestBody sends a body of the maximum length and one that is a byte longer.
func TestLargestBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	for _, size := range []int64{maxBodyBytes, maxBodyBytes + 1} {
		body := io.MultiReader(strings.NewReader("{}\n"), &blanks{size - 3})
		answer, text := a.do(apiCall{pattern: posting, path: payments, body: body})
		if want := map[bool]int{true: 200, false: 413}[size == maxBodyBytes]; answer.StatusCode != want {
			t.Errorf("%d bytes: %d %s, want %d", size, answer.StatusCode, text, want)
		}
	}
	a.checkIdle(1)
}

// TestSlowBody sends a byte and then nothing.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	a.server.bodyTimeout = 50 * time.Millisecond
	conn, in := a.dial("Content-Length: 100")
	if _, err := io.WriteString(conn, "{"); err != nil {
		t.Fatal(err)
	}
	if got := a.readStatus(in); got != 408 {
		t.Errorf("%d, want 408", got)
	}
	a.checkIdle(0)
}

// TestSlowIntake lets intake take longer than the body's timeout: the timeout applies to the client only.
func TestSlowIntake(t *testing.T) {
	t.Parallel()
	s := &fakeProject{}
	a := newAPI(t, s)
	a.server.bodyTimeout = 30 * time.Millisecond
	s.accept = func(ctx context.Context, _ live.Request) (answers.Answer, error) {
		timer := time.NewTimer(4 * a.server.bodyTimeout)
		defer timer.Stop()
		select {
		case <-timer.C:
			return answers.Answer{Rejected: []answers.RejectedRow{}}, nil
		case <-ctx.Done():
			return answers.Answer{}, ctx.Err()
		}
	}
	if answer, text := a.do(apiCall{pattern: posting, path: payments, body: strings.NewReader("{}")}); answer.StatusCode != 200 {
		t.Errorf("%d %s, want 200", answer.StatusCode, text)
	}
}

// TestHangUp disconnects in the middle of a body: none of it is accepted.
func TestHangUp(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	for _, head := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		conn, _ := a.dial(head)
		if _, err := io.WriteString(conn, "8\r\n{\"a\":1}\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	a.http.Close() // waits for the handlers
	a.checkIdle(0)
}

// TestAnnouncedLengthReservesNothing lets many clients announce a body of the maximum length and send one byte: others are served.
func TestAnnouncedLengthReservesNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	for _, head := range []string{fmt.Sprintf("Content-Length: %d", maxBodyBytes), "Transfer-Encoding: chunked"} {
		for range 150 {
			conn, _ := a.dial(head)
			if _, err := io.WriteString(conn, "1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	body := io.MultiReader(strings.NewReader("{}\n"), &blanks{maxBodyBytes - 3})
	if answer, text := a.do(apiCall{pattern: posting, path: payments, body: body}); answer.StatusCode != 200 {
		t.Errorf("%d %s, want 200", answer.StatusCode, text)
	}
}

// TestSlowBodiesAreAborted lets clients send enough to fill the memory, plain or compressed, and then stop: other clients get
// the memory.
func TestSlowBodiesAreAborted(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := io.Copy(zip, &blanks{40 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := zip.Flush(); err != nil { // without the end of the stream
		t.Fatal(err)
	}
	for range 2 {
		conn, _ := a.dial("Content-Length: 50000000")
		if _, err := io.Copy(conn, &blanks{40 << 20}); err != nil {
			t.Fatal(err)
		}
		conn, _ = a.dial("Content-Length: 50000000", "Content-Encoding: gzip")
		if _, err := conn.Write(zipped.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	for a.server.bodyPool.fits(maxPoolBytes - 4*(40<<20)) { // until all of it has arrived
		runtime.Gosched()
	}
	began := time.Now()
	for {
		body := io.MultiReader(strings.NewReader("{}\n"), &blanks{60<<20 - 3})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.http.URL+payments, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+secret)
		answer, err := a.http.Client().Do(r)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == 200 {
				break
			}
		}
		if time.Since(began) > 20*time.Second { // the slow ones time out after 30 s
			t.Fatalf("after %v: %v, %v, want 200", time.Since(began), answer, err)
		}
	}
}

// TestMemoryIsBounded keeps as many bodies in memory as fit; one more is refused with Retry-After.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan struct{}, 8), make(chan struct{})
	a := newAPI(t, &fakeProject{accept: func(context.Context, live.Request) (answers.Answer, error) {
		inside <- struct{}{}
		<-leave
		return answers.Answer{Rejected: []answers.RejectedRow{}}, nil
	}})
	const size, maxBodies = 60 << 20, 4
	body := func() io.Reader { return bytes.NewReader(append([]byte("{}"), bytes.Repeat([]byte(" "), size-2)...)) }
	done := make(chan int, maxBodies)
	for range maxBodies {
		go func() {
			answer, _ := a.do(apiCall{pattern: posting, path: payments, body: body()})
			done <- answer.StatusCode
		}()
		<-inside
	}
	answer, text := a.do(apiCall{pattern: posting, path: payments, body: body()})
	if answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %s, want 429", answer.StatusCode, text)
	}
	close(leave)
	for range maxBodies {
		if got := <-done; got != 200 {
			t.Errorf("%d, want 200", got)
		}
	}
	a.checkIdle(maxBodies)
}
