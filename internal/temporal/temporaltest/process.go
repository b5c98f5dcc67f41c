// The process of a server: the test binary, started again, is one as soon as this package is initialised.

package temporaltest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql" // registers the plugin
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/rpc/encryption"
	"go.temporal.io/server/temporal"
)

const (
	childEnv  = "BURSAR_TEST_TEMPORAL_SERVER"
	readyLine = "ready"
	plugin    = "postgres12_pgx"
	shards    = 4
	cellName  = "active"
)

// settings are the configuration of a process, in its environment.
type settings struct {
	Database, User, Password string // Database is host:port
	Store, Visibility        string // names of databases
	Ports                    [4]int // of frontend, history, matching and worker
	Certificate, Key         []byte `json:",omitempty"`
	Clients                  []byte `json:",omitempty"` // the authority of clients' certificates
	APIKey                   string `json:",omitempty"`
}

func init() {
	text, isServer := os.LookupEnv(childEnv)
	if !isServer {
		return
	}
	var s settings
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = s.serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the server until the standard input ends, which it does at the latest when the test process ends in any way.
func (s *settings) serve() error {
	frontendTLS, err := s.tlsProvider()
	if err != nil {
		return err
	}
	options := []temporal.ServerOption{
		temporal.WithConfig(s.config()),
		temporal.ForServices([]string{string(primitives.FrontendService), string(primitives.HistoryService), string(primitives.MatchingService)}),
		temporal.WithStaticHosts(s.hosts()),
		temporal.WithDynamicConfigClient(dynamicconfig.StaticClient{
			// A test's steps are short: without this each would wait for the next poll of the database.
			dynamicconfig.TransferProcessorMaxPollRPS.Key():        200,
			dynamicconfig.TimerProcessorMaxPollRPS.Key():           200,
			dynamicconfig.VisibilityProcessorMaxPollRPS.Key():      200,
			dynamicconfig.NamespaceCacheRefreshInterval.Key():      time.Second,
			dynamicconfig.MatchingNumTaskqueueReadPartitions.Key(): 1, dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
			dynamicconfig.EnableNexus.Key(): false, // it needs an HTTP port
		}),
		temporal.WithLogger(log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "error"}))),
		temporal.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporal.WithTLSConfigFactory(frontendTLS),
		temporal.WithAuthorizer(s.authorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return keyHolders(s.APIKey) }),
	}
	server, err := temporal.NewServer(options...)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	fmt.Println(readyLine)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (s *settings) config() *config.Config {
	address := func(i int) string { return net.JoinHostPort(host, strconv.Itoa(s.Ports[i])) }
	store := func(name string) config.DataStore {
		return config.DataStore{SQL: &config.SQL{
			PluginName: plugin, ConnectProtocol: "tcp", ConnectAddr: s.Database, User: s.User, Password: s.Password, DatabaseName: name,
			MaxConns: 5, MaxIdleConns: 5, MaxConnLifetime: time.Hour, // for each of three services
		}}
	}
	service := func(i int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: s.Ports[i], BindOnIP: host}}
	}
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore: "store", VisibilityStore: "visibility", NumHistoryShards: shards,
			DataStores: map[string]config.DataStore{"store": store(s.Store), "visibility": store(s.Visibility)},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: cellName, CurrentClusterName: cellName,
			ClusterInformation: map[string]cluster.ClusterInformation{cellName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address(0)}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(0), string(primitives.HistoryService): service(1),
			string(primitives.MatchingService): service(2), string(primitives.WorkerService): service(3),
		},
		PublicClient: config.PublicClient{HostPort: address(0)},
	}
	c.Global.Membership = config.Membership{MaxJoinDuration: 10 * time.Second, BroadcastAddress: host}
	c.Archival.History.State, c.Archival.Visibility.State = "disabled", "disabled"
	c.NamespaceDefaults.Archival.History.State, c.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	return c
}

func (s *settings) hosts() map[primitives.ServiceName]static.Hosts {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for i, name := range []primitives.ServiceName{
		primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
	} {
		hosts[name] = static.SingleLocalHost(net.JoinHostPort(host, strconv.Itoa(s.Ports[i])))
	}
	return hosts
}

// tlsProvider makes the frontend speak TLS, if there is a certificate. The services among each other do not.
func (s *settings) tlsProvider() (encryption.TLSConfigProvider, error) {
	provider := &encryption.FixedTLSConfigProvider{}
	if len(s.Certificate) == 0 {
		return provider, nil
	}
	pair, err := tls.X509KeyPair(s.Certificate, s.Key)
	if err != nil {
		return nil, err
	}
	provider.FrontendServerConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	provider.FrontendClientConfig = &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}
	if len(s.Clients) > 0 {
		clients := x509.NewCertPool()
		clients.AppendCertsFromPEM(s.Clients)
		provider.FrontendServerConfig.ClientAuth, provider.FrontendServerConfig.ClientCAs = tls.RequireAndVerifyClientCert, clients
	}
	return provider, nil
}

func (s *settings) authorizer() authorization.Authorizer {
	if s.APIKey == "" {
		return authorization.NewNoopAuthorizer()
	}
	return authorization.NewDefaultAuthorizer()
}

// keyHolders are the clients with this API key: they may do everything, and others nothing.
type keyHolders string

// GetClaims returns the rights of a client.
func (k keyHolders) GetClaims(info *authorization.AuthInfo) (*authorization.Claims, error) {
	if info == nil || info.AuthToken != "Bearer "+string(k) {
		return nil, nil //nolint:nilnil // no rights
	}
	return &authorization.Claims{System: authorization.RoleAdmin}, nil
}
