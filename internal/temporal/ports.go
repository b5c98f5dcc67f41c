// The ports of a project's embedded server. They are chosen once and stored in a file; a port is replaced only if another
// program uses it.

package temporal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"

	"bursar/internal/object"
)

// ports are the loopback ports of the server's four services, as stored in temporal.json.
type ports struct {
	Frontend int `json:"frontend"`
	History  int `json:"history"`
	Matching int `json:"matching"`
	Worker   int `json:"worker"`
}

func (p *ports) all() []*int { return []*int{&p.Frontend, &p.History, &p.Matching, &p.Worker} }

func (p ports) address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// hosts returns the static members of the cluster. Without it the server looks up its members in the database, where those of
// a killed process stay for up to a minute, and waits for them.
func (p ports) hosts() map[primitives.ServiceName]static.Hosts {
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: static.SingleLocalHost(p.address(p.Frontend)),
		primitives.HistoryService:  static.SingleLocalHost(p.address(p.History)),
		primitives.MatchingService: static.SingleLocalHost(p.address(p.Matching)),
		primitives.WorkerService:   static.SingleLocalHost(p.address(p.Worker)),
	}
}

// loadPorts returns the project's ports, all of which are free. An unreadable file is ignored: only people who attach tools
// depend on the numbers.
func loadPorts(stateDir string) (ports, error) {
	file := filepath.Join(stateDir, "temporal.json")
	var kept ports
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return ports{}, fmt.Errorf("read Temporal ports: %w", err)
	}
	if json.Unmarshal(text, &kept) != nil {
		kept = ports{}
	}
	before := kept
	if err := kept.replaceUnusable(); err != nil {
		return ports{}, err
	}
	if kept == before {
		return kept, nil
	}
	return kept, writePorts(file, kept)
}

// replaceUnusable replaces each port that is missing, a duplicate or in use.
func (p *ports) replaceUnusable() error {
	seen := map[int]bool{}
	for _, port := range p.all() {
		for try := 0; !isFree(*port) || seen[*port]; try++ {
			if try == 1000 {
				return errors.New("choose ports for the embedded Temporal server: none of 1000 tried is free on " + loopback)
			}
			*port = randomPort()
		}
		seen[*port] = true
	}
	return nil
}

// randomPort returns a port below the range that systems use for outgoing connections, so that none of these uses it while the
// project is not running.
func randomPort() int { return 20000 + rand.IntN(12000) }

func isFree(port int) bool {
	if port < 1 || port > 65535 {
		return false
	}
	l, err := net.Listen("tcp", ports{}.address(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func writePorts(file string, p ports) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode Temporal ports: %w", err)
	}
	if err := object.WriteFile(file, append(text, '\n')); err != nil {
		return fmt.Errorf("write Temporal ports: %w", err)
	}
	return nil
}
