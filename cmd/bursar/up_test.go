//go:build linux

// `bursar up` as a process, and the other commands while it runs, is stopped or is killed.

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running is a `bursar up` in a separate process.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	dir   string
	base  string // of the API
	token string
	lines *bufio.Scanner // its standard output
	out   io.Closer      // where from
	ready map[string]any // what it reports when it serves
}

// bringUp starts `bursar up` and waits until it serves.
func bringUp(t *testing.T, dir string, args ...string) *running {
	t.Helper()
	cmd := program(t, 0, append([]string{"up", "--project", dir, "--json"}, args...)...)
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u := &running{t: t, cmd: cmd, dir: dir, lines: bufio.NewScanner(out), out: out}
	ready := u.await("ready")
	u.base, u.ready = "http://"+words(ready, "address"), ready
	token, err := os.ReadFile(words(ready, "token_file"))
	if err != nil {
		t.Fatal(err)
	}
	u.token = strings.TrimSpace(string(token))
	return u
}

// await reads the output of the process until an event of the kind.
func (u *running) await(kind string) map[string]any {
	u.t.Helper()
	for u.lines.Scan() {
		var v map[string]any
		if err := json.Unmarshal(u.lines.Bytes(), &v); err != nil {
			u.t.Fatalf("%v in %s", err, u.lines.Text())
		}
		if v["event"] == kind {
			return v
		}
	}
	_ = u.cmd.Wait()
	u.t.Fatalf("bursar up did not report %s: %s", kind, u.cmd.Stderr)
	return nil
}

// stop sends a signal and waits until the process has ended with the code.
func (u *running) stop(signal os.Signal, code int) {
	u.t.Helper()
	if err := u.cmd.Process.Signal(signal); err != nil {
		u.t.Fatal(err)
	}
	u.ended(code)
}

// ended waits until the process has ended with the code.
func (u *running) ended(code int) {
	u.t.Helper()
	for u.lines.Scan() { // to the end, or Wait cuts it off
		continue
	}
	if got := ended(u.t, u.cmd, u.cmd.Wait()); got.code != code {
		u.t.Errorf("bursar up ended with %d, want %d: %s", got.code, code, got.err)
	}
}

// get asks the API and returns status and body.
func (u *running) get(path, token string) (int, string) {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), http.MethodGet, u.base+path, http.NoBody)
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestFlowThroughUp is the way of events through all commands while two projects are up: each answers for its own.
func TestFlowThroughUp(t *testing.T) {
	t.Parallel()
	dir, other := shop(t), shop(t)
	u, second := bringUp(t, dir), bringUp(t, other)
	at := func(args ...string) []string { return append([]string{"--project", dir, "--json"}, args...) }
	sample := filepath.Join(dir, "sample", "payments.jsonl")

	v := value(t, must(t, 0, at("ingest", "payments", sample)...))
	if v["batch"] != 1.0 || v["accepted"] != 20.0 {
		t.Errorf("ingest says %v", v)
	}
	if run := u.await("published"); run["events"] != 20.0 {
		t.Errorf("the run that follows is %v", run)
	}
	must(t, 0, at("run")...)
	testQueries(t, at)
	testProofs(t, at)
	must(t, 3, at("ingest", "nothing", sample)...)
	must(t, 2, at("get", "orders")...)
	must(t, 2, at("get", "orders", "o-1003")...)
	must(t, 0, at("check")...)
	if text := must(t, 0, "status", "--project", dir); !strings.Contains(text.out, "│ orders") {
		t.Errorf("status prints %s", text.out)
	}
	if status := item(t, value(t, must(t, 0, "status", "--json", "--project", other)), "pipelines", 0); status["runs"] != 0.0 {
		t.Errorf("the other project says %v", status)
	}
	if u.base == second.base {
		t.Error("two projects share a port")
	}
	got := must(t, 1, "up", "--project", dir)
	if want := fmt.Sprintf("project is locked by process %d (`bursar up`)", u.cmd.Process.Pid); !strings.Contains(got.err, want) {
		t.Errorf("a second up says %s", got.err)
	}
	testAPI(t, u)
	second.stop(os.Interrupt, 0)
	u.stop(syscall.SIGTERM, 0)
	if _, err := os.Stat(filepath.Join(dir, ".bursar", "api.json")); err == nil {
		t.Error("api.json stays after a clean stop")
	}
	testQueries(t, at) // and without it the same
}

// testAPI asks over HTTP what the commands were asked.
func testAPI(t *testing.T, u *running) {
	t.Helper()
	const artifact = `/v1/pipelines/orders/artifacts?key=%5B%22o-1003%22,%22USD%22%5D`
	if code, body := u.get(artifact, u.token); code != 200 || !strings.Contains(body, `"paid":"60.00"`) {
		t.Errorf("an artifact: %d %s", code, body)
	}
	for _, token := range []string{"", "x", u.token + "x", strings.ToUpper(u.token) + " "} {
		if code, body := u.get(artifact, token); code != 401 || strings.Contains(body, "o-1003") {
			t.Errorf("with token %q: %d %s", token, code, body)
		}
	}
}

// TestPathsOfTheClient gives files relative to the working folder of the client.
func TestPathsOfTheClient(t *testing.T) {
	t.Parallel()
	dir, here := shop(t), t.TempDir()
	u := bringUp(t, dir)
	sample, err := os.ReadFile(filepath.Join(dir, "sample", "payments.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, here, "own.jsonl", string(sample)+badRow)
	in := func(args ...string) outcome {
		cmd := program(t, 0, append(args, "--project", dir)...)
		cmd.Dir = here
		return ended(t, cmd, cmd.Run())
	}
	if got := in("ingest", "payments", "own.jsonl"); got.code != 0 {
		t.Fatalf("ingest: %+v", got)
	}
	if got := in("quarantine"); got.code != 0 || !strings.Contains(got.out, "│ own.jsonl ") {
		t.Errorf("quarantine: %+v", got)
	}
	if got := in("run"); got.code != 0 {
		t.Errorf("run: %+v", got)
	}
	if got := in("export", "orders", "--to", "orders.jsonl"); got.code != 0 {
		t.Errorf("export: %+v", got)
	}
	written, err := os.ReadFile(filepath.Join(here, "orders.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := in("export", "orders", "--to", "-"); got.code != 0 || got.out != string(written) {
		t.Errorf("export to standard output differs from the file:\n%s\n%s", got.out, written)
	}
	u.stop(os.Interrupt, 0)
}

// TestInterruptThroughUp interrupts a command that another process carries out: it ends as it would by itself.
func TestInterruptThroughUp(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	u := bringUp(t, dir)
	cmd := program(t, 0, "ingest", "payments", events(t, dir, 600_000), "--project", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u.awaitCommand()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, cmd, cmd.Wait()); got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "error: interrupted; nothing was sealed") {
		t.Errorf("got %+v", got)
	}
	wantBacklogAndArtifacts(t, dir, 0, 0)
	u.stop(os.Interrupt, 0)
}

// awaitCommand waits until a batch is in the making.
func (u *running) awaitCommand() {
	u.t.Helper()
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		if list, _ := filepath.Glob(filepath.Join(u.dir, ".bursar", "objects", ".tmp", "*")); len(list) > 0 {
			return
		}
	}
}

// TestStopDuringCommand stops `bursar up` while it carries a command out: the command ends first.
func TestStopDuringCommand(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	u := bringUp(t, dir)
	const n = 300_000
	cmd := program(t, 0, "ingest", "payments", events(t, dir, n), "--project", dir, "--json")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u.awaitCommand()
	u.stop(syscall.SIGTERM, 0)
	if v := value(t, ended(t, cmd, cmd.Wait())); v["accepted"] != float64(n) {
		t.Errorf("the command says %v", v)
	}
	must(t, 0, "run", "--project", dir)
	if v := item(t, value(t, must(t, 0, "status", "--project", dir, "--json")), "pipelines", 0); v["runs"] != 1.0 || v["backlog"] != 0.0 {
		t.Errorf("status says %v", v)
	}
}

// TestKilledUp kills `bursar up` in the middle of a command: the command says so, commands work by themselves at once
// though api.json is left behind, and up comes back at the same address with the same token.
func TestKilledUp(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	u := bringUp(t, dir)
	path := events(t, dir, 300_000)
	cmd := program(t, 0, "ingest", "payments", path, "--project", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u.awaitCommand()
	u.stop(syscall.SIGKILL, -1)
	if got := ended(t, cmd, cmd.Wait()); got.code != 1 || !strings.Contains(got.err, "stopped before the command ended") {
		t.Errorf("the command says %+v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, ".bursar", "api.json")); err != nil {
		t.Errorf("nothing is left of the dead process: %v", err)
	}
	must(t, 0, "status", "--project", dir)
	began := time.Now()
	again := bringUp(t, dir)
	if again.base != u.base || again.token != u.token {
		t.Errorf("up came back at %s, it was at %s", again.base, u.base)
	}
	must(t, 0, "ingest", "payments", path, "--project", dir)
	again.await("published")
	took := time.Since(began)
	t.Logf("it took %s until a run was published", took)
	if took > time.Minute { // alone it is a second: other tests share the machine
		t.Error("that is too long")
	}
	again.stop(os.Interrupt, 0)
}

// TestCommandsWhileUpStarts gives commands before it serves: they wait for it.
func TestCommandsWhileUpStarts(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	cmd := program(t, 0, "up", "--project", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		if _, err := os.Stat(filepath.Join(dir, ".bursar", "lock.json")); err == nil {
			break
		}
	}
	must(t, 0, "status", "--project", dir)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, cmd, cmd.Wait()); got.code != 0 || !strings.Contains(got.out, "Bursar is up in process") {
		t.Errorf("up says %+v", got)
	}
}

// post sends events.
func (u *running) post(body, key string) (int, string) {
	u.t.Helper()
	return u.postTo("payments", body, key)
}

// postTo posts to a stream.
func (u *running) postTo(stream, body, key string) (int, string) {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), http.MethodPost, u.base+"/v1/streams/"+stream+"/events", strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+u.token)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestAcknowledgedEventsStay kills the process once events are acknowledged, before their batch is sealed: a command that
// works by itself seals them first, and so does the next `bursar up`.
func TestAcknowledgedEventsStay(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	for i, again := range []bool{false, true} {
		u := bringUp(t, dir)
		code, body := u.post(good(fmt.Sprint("a", i))+good(fmt.Sprint("b", i)), "")
		if code != 200 || !strings.Contains(body, `"accepted":2`) {
			t.Fatalf("%d %s", code, body)
		}
		u.stop(syscall.SIGKILL, -1)
		if again {
			bringUp(t, dir).stop(syscall.SIGTERM, 0)
		}
		must(t, 0, "run", "--project", dir)
		must(t, 0, "verify", "orders", "--project", dir)
	}
	v := value(t, must(t, 0, "ingest", "payments", file(t, dir, "all.jsonl", good("a0")+good("b0")+good("a1")+good("b1")), "--project", dir, "--json"))
	if v["duplicates"] != 4.0 {
		t.Errorf("of four acknowledged events are known: %v", v)
	}
}

// TestTwiceAtOnce sends a request twice at the same time, and then another under its key.
func TestTwiceAtOnce(t *testing.T) {
	t.Parallel()
	u := bringUp(t, shop(t))
	answers := make(chan string, 2)
	for range cap(answers) {
		go func() {
			_, body := u.post(good("e1"), "one")
			answers <- body
		}()
	}
	repeated := 0
	for range cap(answers) {
		body := <-answers
		if !strings.Contains(body, `"accepted":1`) {
			t.Errorf("an answer is %s", body)
		}
		repeated += strings.Count(body, `"repeated":true`)
	}
	if repeated != 1 {
		t.Errorf("%d of two answers are repeated", repeated)
	}
	if code, body := u.post(good("e2"), "one"); code != 422 {
		t.Errorf("another body under the key: %d %s", code, body)
	}
	u.stop(syscall.SIGTERM, 0)
}

// TestInbox ingests a file from the inbox.
func TestInbox(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	file(t, dir, "inbox/payments/new.jsonl", good("i1"))
	u := bringUp(t, dir)
	if sealed := u.await("sealed"); sealed["accepted"] != 1.0 {
		t.Errorf("sealed %v", sealed)
	}
	u.await("published")
	u.stop(syscall.SIGTERM, 0)
	if _, err := os.Stat(filepath.Join(dir, "inbox", "payments", "taken", "new.jsonl")); err != nil {
		t.Error(err)
	}
}
