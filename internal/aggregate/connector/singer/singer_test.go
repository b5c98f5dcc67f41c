// Tests of fetches: what is delivered and when, what a program gets, and what it leaves behind.

package singer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	f := newFetch(t, printing(
		schemaOfA,
		`{"type":"SCHEMA","stream":"b","schema":{}}`,
		`{"type": "RECORD", "stream": "a", "record": {"id": 1, "amount": 2525.00, "big": 12345678901234567890.10}, "time_extracted": "2026-01-01T00:00:00Z"}`,
		`{"stream":"b","record":{"x":"ž \u00e9 <&>"},"type":"RECORD","version":1}`,
		`{"type":"ACTIVATE_VERSION","stream":"a","version":1}`,
		`  {"type":"RECORD","stream":"a","record":{"id":2,"amount":1E2}}  `,
		``,
		`{"type":"STATE","value":{"bookmarks": {"a":  2.50}}}`,
		`{"type":"STATE","value":7}`,
		`{"type":"RECORD","stream":"a","record":{"id":3}}`,
	)+`printf '{"type":"RECORD","stream":"a","record":{"id":4}}'`)
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.check(t,
		"a: "+`{"id": 1, "amount": 2525.00, "big": 12345678901234567890.10}`+"\n"+`{"id":2,"amount":1E2}`+"\n",
		"b: "+`{"x":"ž \u00e9 <&>"}`+"\n",
		`state: {"bookmarks": {"a":  2.50}}`, "state: 7",
		"a: "+`{"id":3}`+"\n"+`{"id":4}`+"\n",
	)
	if f.permits.Load() != 1 || !slices.Equal(f.progress, []int{3, 3, 5}) {
		t.Errorf("%d permits, progress %v", f.permits.Load(), f.progress)
	}
}

// TestChunks: chunks have up to 1,000 records of a stream and up to 1 MiB but for longer records, and each is delivered before the next state.
func TestChunks(t *testing.T) {
	t.Parallel()
	f := newFetch(t, printing(schemaOfA, `{"type":"SCHEMA","stream":"b","schema":{}}`)+`
		awk 'BEGIN {
			for (i = 1; i <= 2500; i++) {
				printf "{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{\"id\":%d}}\n", i
				if (i % 5 == 0) printf "{\"type\":\"RECORD\",\"stream\":\"b\",\"record\":{\"text\":\"%10000d\"}}\n", i
			}
			print "{\"type\":\"STATE\",\"value\":1}"
			printf "{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{\"id\":1}}\n"
			printf "{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{\"text\":\"%3000000d\"}}\n", 1
		}'`)
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	records, next := map[string]int{}, 1
	for i, call := range f.calls {
		stream, lines, _ := strings.Cut(call, ": ")
		if stream == "state" {
			if records["a"] != 2500 || records["b"] != 500 {
				t.Errorf("a state came after %v", records)
			}
			continue
		}
		count := strings.Count(lines, "\n")
		if records[stream] += count; count > 1000 || len(lines) > 1<<20 && count > 1 {
			t.Errorf("call %d has %d records, %d bytes", i, count, len(lines))
		}
		for line := range strings.Lines(lines) {
			if stream == "a" && next <= 2500 {
				if want := fmt.Sprintf(`{"id":%d}`+"\n", next); line != want {
					t.Fatalf("got %q, want %q", line, want)
				}
				next++
			}
		}
	}
	if records["a"] != 2502 || len(f.calls) > 14 {
		t.Errorf("%v records in %d calls", records, len(f.calls))
	}
}

// TestProgramGets: the configuration with credentials, the state, the catalog and the environment, and nothing else.
func TestProgramGets(t *testing.T) {
	t.Parallel()
	f := newFetch(t, `
		record() { printf '{"type":"RECORD","stream":"a","record":%s}\n' "$1"; }
		printf '%s\n' '`+schemaOfA+`'
		record "$(cat "$2")"; record "$(cat "$4")"
		record "{\"args\":\"$1 $3 $5 $6 $7\",\"mode\":\"$(stat -c '%a' "$2" "$4" "$(dirname "$2")" | tr '\n' ' ')\",\"pwd\":\"$(pwd)\"}"
		record "{\"env\":\"$(env | grep -v '^BURSAR_PROCESS=\|^PWD=\|^_=\|^SHLVL=\|^OLDPWD=' | cut -d= -f1 | sort | tr '\n' ' ')$EXTRA $TOKEN\"}"`)
	config := `{"port": 5432.0, "tunnel": {"host": "h"}}`
	if err := os.WriteFile(filepath.Join(f.folder, "tap.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	f.settings["config"], f.settings["catalog"], f.settings["env.EXTRA"] = "tap.json", "catalog.json", "more"
	f.credentials = map[string]vault.Secret{
		"password": vault.NewSecret(`qu"<ote`), "tunnel.key": vault.NewSecret("line\nline"), "env.TOKEN": vault.NewSecret("token"),
	}
	f.cursor = `{"bookmarks":{"a":1.10}}`
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(f.calls[0], "a: "), "\n"), "\n")
	environment := "EXTRA HOME LANG PATH TOKEN "
	if _, isSet := os.LookupEnv("LANG"); !isSet {
		environment = strings.Replace(environment, "LANG ", "", 1)
	}
	want := []string{
		`{"password":"qu\"\u003cote","port":5432.0,"tunnel":{"host":"h","key":"line\nline"}}`, f.cursor,
		`{"args":"--config --state --catalog catalog.json ","mode":"600 600 700 ","pwd":"` + f.folder + `"}`,
		`{"env":"` + environment + `more token"}`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s, want\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestNoArguments: a program without configuration and state gets neither.
func TestNoArguments(t *testing.T) {
	t.Parallel()
	f := newFetch(t, printing(schemaOfA)+`printf '{"type":"RECORD","stream":"a","record":{"n":%d}}\n' $#`)
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.check(t, `a: {"n":0}`+"\n")
}

// TestKilledBeforeState: what was delivered before a state stays, and what follows it comes again.
func TestKilledBeforeState(t *testing.T) {
	t.Parallel()
	f := newFetch(t, printing(schemaOfA, `{"type":"RECORD","stream":"a","record":{"id":1}}`, `{"type":"STATE","value":1}`,
		`{"type":"RECORD","stream":"a","record":{"id":2}}`)+"kill -9 $$")
	err := f.run(t.Context())
	var e *ExitError
	if !errors.As(err, &e) || e.Signal != "SIGKILL" || failure.Of(err) != failure.Transient ||
		!strings.Contains(err.Error(), "execute sh: killed by SIGKILL after 2 records of 1 streams and 1 states") {
		t.Errorf("got %v", err)
	}
	f.check(t, `a: {"id":1}`+"\n", "state: 1")
}

// TestCancelled: a program that hangs, and what it has started, is gone when a fetch returns.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := newFetch(t, `trap '' TERM INT HUP
		(setsid sh -c 'trap "" TERM; echo $$ > child; while :; do sleep 100; done' &)
		echo $$ > parent; while [ ! -s child ]; do sleep 0.01; done
		`+printing(schemaOfA, `{"type":"STATE","value":1}`)+`while :; do sleep 100; done`)
	f.onCall = func(string) error { cancel(); return nil }
	err := f.run(ctx)
	if failure.Of(err) != failure.Transient || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	f.check(t, "state: 1")
	for _, name := range []string{"parent", "child"} {
		pid, err := os.ReadFile(filepath.Join(f.folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid))); err == nil {
			t.Errorf("the process %s is left", name)
		}
	}
}

// TestDeliveryFails: the error of a delivery stops the program, and is the one that counts.
func TestDeliveryFails(t *testing.T) {
	t.Parallel()
	f := newFetch(t, printing(schemaOfA, `{"type":"RECORD","stream":"a","record":{"id":1}}`, `{"type":"STATE","value":1}`)+"sleep 1000; exit 64")
	full := failure.Throttle(time.Minute, errors.New("the spool is full"))
	f.onCall = func(string) error { return full }
	began := time.Now()
	err := f.run(t.Context())
	if !errors.Is(err, full) || failure.RetryAfter(err) != time.Minute || !strings.Contains(err.Error(), `deliver records of the stream "a" (key "id")`) {
		t.Errorf("got %v", err)
	}
	if time.Since(began) > 30*time.Second {
		t.Error("the program was not stopped")
	}
}

func TestPermitRefused(t *testing.T) {
	t.Parallel()
	refused := errors.New("no permit")
	s, err := Connector{}.LogIn(t.Context(), connector.Login{
		Settings: map[string]string{"command": `["true"]`}, Permit: func(context.Context) error { return refused },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context(), connector.Request{Account: account}, nil); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	var unknown *connector.UnknownAccountError
	if err := s.Fetch(t.Context(), connector.Request{Account: "other"}, nil); !errors.As(err, &unknown) {
		t.Errorf("got %v", err)
	}
	if accounts, err := s.List(t.Context()); err != nil || len(accounts) != 1 || accounts[0].ID != account {
		t.Errorf("got %v, %v", accounts, err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		`{}`:                            "set command to the program and its arguments",
		`{"command":"tap --x"}`:         `setting command: "tap --x" is not a JSON list`,
		`{"command":"[]"}`:              "is not a JSON list of a program",
		`{"command":"[\"a\\u0000\"]"}`:  "NUL",
		`{"command":"[\"a\"]","x":"1"}`: "setting x: there is no such setting",
		`{"command":"[\"a\"]","catalog":"../c.json"}`:        `"../c.json" must be a path of a file inside the project folder`,
		`{"command":"[\"a\"]","config":"/etc/passwd"}`:       "inside the project folder",
		`{"command":"[\"a\"]","env.A=B":"1"}`:                "must be the name of an environment variable",
		`{"command":"[\"a\"]","env.A":"1","!env.A":"1"}`:     "env.A is both a setting and a credential",
		`{"command":"[\"a\"]","!env.A B":"canary"}`:          "credential env.A B: what follows env. must be",
		`{"command":"[\"a\"]","config":"none.json"}`:         "no such file",
		`{"command":"[\"a\"]","config":"list.json"}`:         "list.json does not contain a JSON object",
		`{"command":"[\"a\"]","config":"."}`:                 "not a regular file",
		`{"command":"[\"a\"]","config":"c.json","!a":"x"}`:   "add the credential a to the configuration: the file that config names has it, too",
		`{"command":"[\"a\"]","config":"c.json","!a.b":"x"}`: "a is not an object in the file that config names",
		`{"command":"[\"./none\"]"}`:                         "start ./none: no such file",
	} {
		var values map[string]string
		if err := json.Unmarshal([]byte(name), &values); err != nil {
			t.Fatal(err)
		}
		f := newFetch(t, "")
		f.settings = map[string]string{}
		for key, value := range values {
			if credential, is := strings.CutPrefix(key, "!"); is {
				f.credentials[credential] = vault.NewSecret(value)
			} else {
				f.settings[key] = value
			}
		}
		for file, content := range map[string]string{"list.json": "[]", "c.json": `{"a":"b"}`} {
			if err := os.WriteFile(filepath.Join(f.folder, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.run(t.Context()); err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
