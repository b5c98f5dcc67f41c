// The configuration of the embedded server: one host, one shard, loopback only, tuned for one process and one database file; and
// its ports.

package temporal

import (
	"fmt"
	"net"
	"path/filepath"
	"time"

	"bursar/internal/loopback"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

const (
	clusterName = "active"
	// maxJoin bounds the start of a service. With static hosts there is no ring to join.
	maxJoin = 10 * time.Second
)

func serverConfig(p ports, store *config.SQL) *config.Config {
	frontend := loopback.Address(p.Frontend)
	cfg := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     sqliteplugin.PluginName,
			VisibilityStore:  sqliteplugin.PluginName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(p.Frontend),
			string(primitives.HistoryService):  service(p.History),
			string(primitives.MatchingService): service(p.Matching),
			string(primitives.WorkerService):   service(p.Worker),
		},
		PublicClient: config.PublicClient{HostPort: frontend},
	}
	cfg.Global.Membership = config.Membership{MaxJoinDuration: maxJoin, BroadcastAddress: loopback.Host}
	cfg.Archival.History.State = "disabled"
	cfg.Archival.Visibility.State = "disabled"
	cfg.NamespaceDefaults.Archival.History.State = "disabled"
	cfg.NamespaceDefaults.Archival.Visibility.State = "disabled"
	return cfg
}

func service(port int) config.Service {
	return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback.Host}}
}

// longPollInterval is the server's timeout of a long poll for a workflow's events. The server passes events to a waiting
// request through a channel with one slot and drops those that do not fit, even the workflow's end. On a busy machine a run
// then appears to last until the next poll, after 20 s by default.
const longPollInterval = time.Second

// dynamicConfig tunes the server. The poll rates are limits that protect a shared database: at the default of 20 per second
// each step of a workflow waits for the next poll, and a single workflow takes 350 ms instead of 45 ms.
func dynamicConfig() dynamicconfig.StaticClient {
	const pollsPerSecond = 200
	return dynamicconfig.StaticClient{
		dynamicconfig.TransferProcessorMaxPollRPS.Key():           pollsPerSecond,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():              pollsPerSecond,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key():         pollsPerSecond,
		dynamicconfig.HistoryLongPollExpirationInterval.Key():     longPollInterval,
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():    1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key():   1,
		dynamicconfig.EnableEagerWorkflowStart.Key():              true,
		dynamicconfig.EnableNexus.Key():                           false, // it needs an HTTP port
		dynamicconfig.PersistenceHealthSignalMetricsEnabled.Key(): false, // they are not read, and their goroutines outlive the server
	}
}

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

func loadPorts(stateDir string) (ports, error) {
	kept, err := loopback.Keep(filepath.Join(stateDir, "temporal.json"), (*ports).all, tryPort)
	if err != nil {
		return ports{}, fmt.Errorf("choose ports for the embedded Temporal server: %w", err)
	}
	return kept, nil
}

func tryPort(port int) error {
	l, err := net.Listen("tcp", loopback.Address(port))
	if err != nil {
		return err
	}
	return l.Close()
}
