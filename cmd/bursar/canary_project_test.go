//go:build linux

// The project of the test of secrets: its institutions and accounts, and the histories of its workflows.

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"bursar/internal/temporal"
	"bursar/internal/tools/bank"
)

// canary is a secret that nothing else contains.
func canary(what string) string { return "canary7f3e91" + what }

const canaryRules = `limits: {requests: 100000, per: 1m, sessions: 8, account_day: 1000}
refresh: {every: never}
breaker: {failures: 1000}
login: {answer_within: 1m, credentials_within: 1s}
`

// newCanaryProject makes the project, and adds an account at each institution.
func newCanaryProject(t *testing.T) *canaryProject {
	t.Helper()
	p := &canaryProject{forms: map[string][]string{}, echo: newEchoServer(t)}
	p.accountProject = &accountProject{t: t, dir: filepath.Join(t.TempDir(), "project")}
	b, err := bank.Start(bank.Options{Seed: 11, Faults: bank.Faults{OneTimePassword: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	p.bank = b
	file(t, p.dir, "bursar.yaml", "")
	file(t, p.dir, "streams/marks.yaml", "stream: marks\nformat: jsonl\nid: id\ntime: at\ncolumns:\n  id: {type: string}\n  at: {type: timestamp}\n")
	file(t, p.dir, "pipelines/transactions.yaml", nightPipeline("transactions", "institution, account, transaction, currency", "status: {last: status, by: version}"))
	file(t, p.dir, "certificates/bank.pem", string(b.RootCA()))
	file(t, p.dir, "certificates/echo.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.echo.Certificate().Raw})))
	p.must(0, "vault", "init")
	p.addBank()
	p.addEcho()
	p.addPrograms()
	p.must(0, "check")
	return p
}

func (p *canaryProject) institution(name, connector string) {
	p.t.Helper()
	file(p.t, p.dir, "institutions/"+name+".yaml", "institution: "+name+"\nconnector: {"+connector+"}\n"+canaryRules)
}

// account adds an account with secrets of the vault.
func (p *canaryProject) account(institution, id string, secrets map[string]string) {
	p.t.Helper()
	args := []string{"account", "add", institution, id, "--currency", "EUR"}
	for name, value := range secrets {
		p.secret(institution+"_"+name, value)
		args = append(args, "--credential", name+"=vault:"+institution+"_"+name)
	}
	p.must(0, args...)
}

// secret puts a secret into the vault, and has it searched for. Names of users are none.
func (p *canaryProject) secret(name, value string) {
	p.t.Helper()
	if got := withInput(p.t, value, "vault", "set", name, "--project", p.dir); got.code != 0 {
		p.t.Fatal(got.err)
	}
	if strings.HasSuffix(name, "_user") || strings.HasSuffix(name, "_client_id") {
		return
	}
	if parsed, err := url.Parse(value); err == nil && parsed.User != nil {
		password, _ := parsed.User.Password()
		p.forms[name] = append(p.forms[name], base64.StdEncoding.EncodeToString([]byte(parsed.User.Username()+":"+password)))
		value = password
	}
	p.forms[name] = append(p.forms[name], value, base64.StdEncoding.EncodeToString([]byte(value)), url.QueryEscape(value), fmt.Sprintf("%x", value))
}

// addBank adds the account of the institution that works, by each protocol.
func (p *canaryProject) addBank() {
	p.t.Helper()
	one := p.bank.Accounts()[0]
	p.institution("bank_ofx", fmt.Sprintf("kind: ofx, url: %q, bank_id: %q, ca: certificates/bank.pem", p.bank.URL(bank.OFX), "121000999"))
	p.institution("bank_simplefin", "kind: simplefin, ca: certificates/bank.pem")
	p.institution("bank_cursor", fmt.Sprintf("kind: cursor, url: %q, ca: certificates/bank.pem", p.bank.URL(bank.Cursor)))
	p.ref = "bank_ofx/" + nightID("ofx", one)
	for _, kind := range []string{"ofx", "simplefin", "cursor"} {
		p.account("bank_"+kind, nightID(kind, one), nightCredentials(kind, one))
	}
	p.forms["the answer"] = []string{canary("answer")}
}

// echoID is the id of the account at an institution that repeats requests.
func echoID(kind string) string {
	if kind == "ofx" {
		return "card:1"
	}
	return "1"
}

func (p *canaryProject) addEcho() {
	p.t.Helper()
	u, err := url.Parse(p.echo.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	for kind, secrets := range map[string]map[string]string{
		"ofx":       {"user": "somebody", "password": canary("ofx")},
		"simplefin": {"access_url": "https://somebody:" + canary("simplefin") + "@" + u.Host + "/simplefin"},
		"cursor":    {"access_token": canary("token"), "client_id": "client", "secret": canary("cursor")},
	} {
		settings := fmt.Sprintf("kind: %s, ca: certificates/echo.pem, timeout: 5m", kind)
		if kind != "simplefin" {
			settings += fmt.Sprintf(", url: %q", p.echo.URL+"/"+kind)
		}
		p.institution("echo_"+kind, settings)
		p.account("echo_"+kind, echoID(kind), secrets)
	}
}

// program is a tap that writes its environment beside the project, and then does something more.
func (p *canaryProject) program(name, env, more string) {
	p.t.Helper()
	file(p.t, p.dir, name+".sh", "cat /proc/self/environ > ../"+name+".environ\n"+more)
	p.institution(name, `kind: exec, command: [sh, `+name+`.sh], streams: {marks: marks}`+env)
}

const canaryRecords = `echo '{"type": "SCHEMA", "stream": "marks", "schema": {"properties": {}}, "key_properties": ["id"]}'
echo '{"type": "RECORD", "stream": "marks", "record": {"id": "a", "at": "2026-01-01T00:00:00Z"}}'
echo '{"type": "STATE", "value": {"at": 1}}'
`

// addPrograms adds an institution whose program declares a secret in its environment, one that declares none, one that prints all it knows and fails, and
// one whose SFTP server rejects the password.
func (p *canaryProject) addPrograms() {
	p.t.Helper()
	p.program("declares", ", env: {TOKEN: \"vault:token\"}", canaryRecords)
	p.secret("token", canary("env"))
	p.account("declares", "main", nil)
	p.program("silent", "", canaryRecords)
	p.account("silent", "main", nil)
	p.program("failing", ", env: {TOKEN: \"vault:token\"}", "env >&2\ncat $2 >&2\necho \"broken by $TOKEN\" >&2\nexit 3\n")
	p.account("failing", "main", map[string]string{"password": canary("config")})
	address, key := refusingSFTP(p.t)
	p.institution("sftp", fmt.Sprintf("kind: files, url: \"sftp://%s/in\", host_key: %q", address, key))
	p.account("sftp", "main", map[string]string{"user": "somebody", "password": canary("sftp")})
}

// histories searches the histories of all workflows, and what is stored to find them by.
func (p *canaryProject) histories(up *running) {
	p.t.Helper()
	files := temporal.TLSFiles(filepath.Join(p.dir, ".bursar"))
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	authority, err := os.ReadFile(files.Authority)
	if err != nil {
		p.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	c, err := client.DialContext(p.t.Context(), client.Options{
		HostPort: words(up.ready, "temporal"), Namespace: temporal.Namespace,
		ConnectionOptions: client.ConnectionOptions{TLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: trusted}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	list, err := c.ListWorkflow(p.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	if err != nil || len(list.GetExecutions()) < 5 {
		p.t.Fatalf("%d workflows: %v", len(list.GetExecutions()), err)
	}
	p.scanMessage("what finds workflows", list)
	for _, one := range list.GetExecutions() {
		id := one.GetExecution()
		events := c.GetWorkflowHistory(p.t.Context(), id.GetWorkflowId(), id.GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				p.t.Fatal(err)
			}
			p.scanMessage("the history of "+id.GetWorkflowId(), event)
		}
	}
}

func (p *canaryProject) scanMessage(where string, m proto.Message) {
	p.t.Helper()
	content, err := proto.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.scan(where, content)
}

// printedBy is what a process has printed so far to standard error.
func printedBy(u *running) []byte {
	text, _ := u.cmd.Stderr.(*bytes.Buffer)
	return text.Bytes()
}
