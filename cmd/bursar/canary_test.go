//go:build linux

// Secrets of accounts are found nowhere but in the vault, whatever institutions do with them: refreshes succeed, fail with errors that repeat them, time
// out and are killed.

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// canaryProject is a project whose secrets are searched for.
type canaryProject struct {
	*accountProject
	echo *echoServer

	mu      sync.Mutex
	forms   map[string][]string // in which a secret may be written, by what it is
	printed bytes.Buffer        // by all commands
}

// command carries out a command line, and keeps what it prints.
func (p *canaryProject) command(args ...string) outcome {
	p.t.Helper()
	got := bursar(p.t, append(args, "--project", p.dir)...)
	p.keep(got)
	return got
}

func (p *canaryProject) keep(got outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.printed.WriteString(got.out + got.err)
}

// TestSecretsAreOnlyInTheVault has an account of each kind of connector at an institution that works, and at one that repeats requests in its errors.
func TestSecretsAreOnlyInTheVault(t *testing.T) {
	t.Parallel()
	p := newCanaryProject(t)
	up := bringUp(t, p.dir)
	p.succeed()
	asking := p.askEcho()
	p.awaitReasons("status 500")
	p.echo.set("hang")
	p.echo.awaitHanging(t)
	p.environments(up)
	_, metrics := up.get("/metrics", up.token)
	p.scan("the metrics", []byte(metrics))
	p.histories(up)
	up.stop(syscall.SIGKILL, -1)
	asking.Wait()
	p.scan("what up prints", printedBy(up))
	p.scanFiles()
	for _, mode := range []string{"401", "400", "200"} {
		p.echo.set(mode)
		if mode == "401" {
			up = bringUp(t, p.dir) // goes on with what has hung
		}
		p.fail(mode)
	}
	p.command("account", "status", "--json", "--limit", "0")
	p.command("account", "list", "--json")
	p.command("institution", "list", "--json")
	p.command("job", "list")
	_, metrics = up.get("/metrics", up.token)
	p.scan("the metrics", []byte(metrics))
	p.histories(up)
	up.stop(syscall.SIGTERM, 0)
	p.scan("what up prints", printedBy(up))
	p.command("run")
	p.command("quarantine", "marks")
	p.command("export", "transactions", "--to", filepath.Join(p.dir, ".bursar", "exported.jsonl"))
	p.scan("the output of commands", p.printed.Bytes())
	p.scanFiles()
	p.echo.wasAsked(t)
	if p.printed.Len() == 0 || !strings.Contains(p.printed.String(), "rejects the credentials") {
		t.Errorf("commands print %s", p.printed.String())
	}
}

// scan searches for secrets.
func (p *canaryProject) scan(where string, content []byte) {
	p.t.Helper()
	for what, forms := range p.forms {
		for _, form := range forms {
			if at := bytes.Index(content, []byte(form)); at >= 0 {
				p.t.Errorf("%s is in %s: %q", what, where, content[max(0, at-100):min(len(content), at+len(form)+20)])
			}
		}
	}
}

// scanFiles searches the files of the project, with all of its state.
func (p *canaryProject) scanFiles() {
	p.t.Helper()
	files := 0
	err := filepath.WalkDir(p.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		files++
		p.scan(path, content)
		return err
	})
	if err != nil || files < 10 {
		p.t.Errorf("%d files: %v", files, err)
	}
}

// environments searches the environments of the processes that belong to the project: of `bursar up`, and of a program that declares no secret.
func (p *canaryProject) environments(up *running) {
	p.t.Helper()
	own, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(up.cmd.Process.Pid), "environ"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.scan("the environment of bursar up", own)
	for name, wants := range map[string]bool{"declares": true, "silent": false} {
		seen, err := os.ReadFile(filepath.Join(p.dir, "..", name+".environ"))
		if err != nil {
			p.t.Fatal(err)
		}
		if wants {
			if !bytes.Contains(seen, []byte("TOKEN=canary")) {
				p.t.Errorf("the program that declares a secret has the environment %q", seen)
			}
			continue
		}
		p.scan("the environment of a program that declares no secret", seen)
	}
}

// succeed refreshes the accounts at institutions that work. The wrong answer to a question comes before the right one.
func (p *canaryProject) succeed() {
	p.t.Helper()
	var asking sync.WaitGroup
	asking.Go(func() {
		p.keep(bursar(p.t, "account", "refresh", p.ref, "--project", p.dir))
	})
	p.awaitPlace("asks")
	p.keep(withInput(p.t, canary("answer"), "account", "answer", p.ref, "--project", p.dir))
	until(p.t, "the wrong answer is used", time.Minute, func() bool { return p.bank.Report().WrongOneTime > 0 })
	p.awaitPlace("asks")
	until(p.t, "the right answer is taken", time.Minute, func() bool {
		return withInput(p.t, p.bank.OneTimePassword(p.bank.Accounts()[0].ID), "account", "answer", p.ref, "--project", p.dir).code == 0
	})
	asking.Wait()
	p.awaitPlace("done")
	for _, ref := range []string{"bank_simplefin/" + p.bank.Accounts()[0].ID, "bank_cursor/" + p.bank.Accounts()[0].ID, "declares/main", "silent/main"} {
		if got := p.command("account", "refresh", ref); got.code != 0 {
			p.t.Errorf("refresh %s: %s%s", ref, got.out, got.err)
		}
	}
}

// askEcho refreshes the accounts at institutions that repeat requests. Others go on when the commands end.
func (p *canaryProject) askEcho() *sync.WaitGroup {
	var asking sync.WaitGroup
	for _, kind := range p.echo.kinds {
		asking.Go(func() { p.keep(bursar(p.t, "account", "refresh", "echo_"+kind+"/"+echoID(kind), "--project", p.dir)) })
	}
	return &asking
}

// awaitReasons waits until the accounts at institutions that repeat requests wait for a reason.
func (p *canaryProject) awaitReasons(reason string) {
	p.t.Helper()
	until(p.t, "accounts wait: "+reason, time.Minute, func() bool {
		got := p.command("account", "status", "--json", "--limit", "0")
		return strings.Count(got.out, reason) >= len(p.echo.kinds)
	})
}

// fail refreshes the accounts at institutions that repeat requests, until that has failed.
func (p *canaryProject) fail(mode string) {
	p.t.Helper()
	for _, kind := range p.echo.kinds {
		if got := p.command("account", "refresh", "echo_"+kind+"/"+echoID(kind)); got.code != 1 {
			p.t.Errorf("%s: refresh with %s: %d %s", kind, mode, got.code, got.out)
		}
	}
	for _, ref := range []string{"failing/main", "sftp/main"} {
		if got := p.command("account", "refresh", ref); got.code != 1 {
			p.t.Errorf("refresh %s: %d %s%s", ref, got.code, got.out, got.err)
		}
	}
}
