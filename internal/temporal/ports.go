// The ports of a project's embedded server.

package temporal

import (
	"fmt"
	"net"
	"path/filepath"

	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"

	"bursar/internal/loopback"
)

// ports are the loopback ports of the server's four services, as stored in temporal.json.
type ports struct {
	Frontend int `json:"frontend"`
	History  int `json:"history"`
	Matching int `json:"matching"`
	Worker   int `json:"worker"`
}

func (p *ports) all() []*int { return []*int{&p.Frontend, &p.History, &p.Matching, &p.Worker} }

// hosts returns the static members of the cluster. Without it the server looks up its members in the database, where those of
// a killed process stay for up to a minute, and waits for them.
func (p ports) hosts() map[primitives.ServiceName]static.Hosts {
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: static.SingleLocalHost(loopback.Address(p.Frontend)),
		primitives.HistoryService:  static.SingleLocalHost(loopback.Address(p.History)),
		primitives.MatchingService: static.SingleLocalHost(loopback.Address(p.Matching)),
		primitives.WorkerService:   static.SingleLocalHost(loopback.Address(p.Worker)),
	}
}

// loadPorts returns the project's ports, all of which are free.
func loadPorts(stateDir string) (ports, error) {
	kept, err := loopback.Keep(filepath.Join(stateDir, "temporal.json"), (*ports).all, tryPort)
	if err != nil {
		return ports{}, fmt.Errorf("choose ports for the embedded Temporal server: %w", err)
	}
	return kept, nil
}

// tryPort returns an error if the port is in use.
func tryPort(port int) error {
	l, err := net.Listen("tcp", loopback.Address(port))
	if err != nil {
		return err
	}
	return l.Close()
}
