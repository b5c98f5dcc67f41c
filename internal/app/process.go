// This process among those that share a project: its id, its document in the catalog, its folder for temporary files.

package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/event/flow"
	"bursar/internal/failure"
	"bursar/internal/role"
	"bursar/internal/serve"
)

// Process is a process that shares a project with others, as the catalog's document of it says.
type Process struct {
	ID      string      `json:"id"`
	Host    string      `json:"host"`
	Process int         `json:"process"` // number in its machine
	Command string      `json:"command"`
	Roles   []role.Role `json:"roles"`
	Version string      `json:"version"`
	Since   time.Time   `json:"since"`
	Address string      `json:"address,omitempty"`      // at which it accepts requests of other processes
	State   string      `json:"state"`                  // StateWorking and so on
	Wanted  string      `json:"wanted,omitempty"`       // what a person asked it to do: WantPause or WantDrain; empty: to work
	Silent  *time.Time  `json:"silent_since,omitempty"` // with StateSilent; it is not stored
}

const processPrefix = "process/"

// newProcess returns this process. Its id fits the name of a session, which PostgreSQL cuts at 63 bytes.
func newProcess(command string) Process {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	short, _, _ := strings.Cut(host, ".")
	id := fmt.Sprintf("%.32s-%d-%s", strings.ToLower(short), os.Getpid(), strings.ToLower(rand.Text()[:6]))
	return Process{ID: id, Host: host, Process: os.Getpid(), Command: command, Roles: []role.Role{}, State: StateExecuting, Version: buildVersion(), Since: time.Now().UTC()}
}

// buildVersion is the version of this program.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// membership is the place of this process among those that share the project. It is empty in a process that uses the project alone.
type membership struct {
	process   Process
	members   func(context.Context) ([]pgcatalog.Member, error) // nil in a process that uses the project alone
	watch     func(ctx context.Context, prefix string) <-chan struct{}
	lost      <-chan struct{} // closed when another process has claimed the project
	serves    bool            // it has roles, and works until it is stopped
	owners    owners
	requester *flow.Requester // nil until this process asks for a stream
	peers     *serve.PeerClient
	warnings  failure.Warnings
	declined  sync.Map // from a stream, a pipeline or a job to why this process leaves it to others
	peerTLS   *tls.Config
	localHost func(context.Context) (string, error) // address of this machine as the database knows it
}

// IsShared reports whether other processes may use the project at the same time.
func (a *App) IsShared() bool { return a.shared.members != nil }

// join uses the catalog together with other processes.
func (a *App) join(ctx context.Context, records *pgcatalog.Catalog) error {
	a.shared.process = newProcess(a.command)
	m, err := records.Join(ctx, a.shared.process.ID, lockWait)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, m.Leave, func() error { return removeProcess(records, a.shared.process.ID) })
	a.shared.members, a.shared.watch, a.shared.localHost, a.shared.lost = records.Members, records.Watch, records.LocalHost, m.Lost()
	return recordProcess(ctx, records, a.shared.process)
}

// recordProcess writes the document of a process.
func recordProcess(ctx context.Context, records catalog.Catalog, p Process) error {
	err := records.Update(ctx, func(tx catalog.Tx) error { return tx.Put(processPrefix+p.ID, p) })
	if err != nil {
		return fmt.Errorf("record this process: %w", err)
	}
	return nil
}

// removeTimeout bounds the removal of the document of a process that ends. If it remains, the next list of processes removes it.
const removeTimeout = 5 * time.Second

func removeProcess(records catalog.Catalog, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	_ = records.Update(ctx, func(tx catalog.Tx) error { return tx.Delete(processPrefix + id) })
	return nil
}

// ErrAlone is returned where a command is about several processes, and the project is used by one at a time. Class Data.
var ErrAlone = failure.Wrap(failure.Data, errors.New("one process at a time uses this project: several do if its objects are in S3, its catalog and index in PostgreSQL, and its Temporal server is a cluster; see `bursar help several-machines`"))

// Processes lists the processes that share the project, the oldest first. Documents of processes that have died are removed.
func (a *App) Processes(ctx context.Context) ([]Process, error) {
	if !a.IsShared() {
		return nil, ErrAlone
	}
	known, err := catalog.Read(ctx, a.catalog, func(tx catalog.Tx) ([]Process, error) { return catalog.All[Process](tx, processPrefix, "") })
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	members, err := a.shared.members(ctx) // after the documents: whoever has one is a member
	if err != nil {
		return nil, err
	}
	documents := map[string]Process{}
	for _, p := range known {
		documents[p.ID] = p
	}
	list := []Process{}
	for _, m := range members {
		if p, ok := documents[m.Name]; ok {
			if m.Silent != nil {
				p.State, p.Silent = StateSilent, m.Silent
			}
			list = append(list, p)
			delete(documents, m.Name)
		}
	}
	return list, a.forgetProcesses(ctx, documents)
}

// forgetWait is how old a process is at least whose document is removed because it has no session. One that only opens its session again, after its
// connection broke, writes its document again.
const forgetWait = 10 * time.Minute

// forgetProcesses removes the documents of processes that have died.
func (a *App) forgetProcesses(ctx context.Context, dead map[string]Process) error {
	var keys []string
	for id, p := range dead {
		if a.Events.Now().Sub(p.Since) > forgetWait {
			keys = append(keys, processPrefix+id)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return a.catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}
