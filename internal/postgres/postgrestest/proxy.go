// A proxy in front of a server that cuts or stalls connections at a given message.

package postgrestest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Fault is what a proxy does at the message that it fails.
type Fault int

// The faults. After the first two the proxy waits until the server has ended the session, and only then the client notices, so that
// what the client reads next does not change any more.
const (
	// CutBefore cuts the connection instead of passing the message to the server.
	CutBefore Fault = iota
	// CutAfter passes the message to the server and cuts the connection before the client gets the answer.
	CutAfter
	// Delay cuts the connection to the client at once, and passes the message to the server when Deliver is called: the client
	// notices before the server has done anything.
	Delay
	// Stall passes neither the message nor anything after it, and leaves the connection open.
	Stall
)

// Proxy passes connections to a server, and counts the messages from clients to the server. TLS connections are not supported.
type Proxy struct {
	listener net.Listener
	server   string

	mu       sync.Mutex
	messages int // counted since Fail
	syncs    int // messages that the server answers and the client waits for: Query, Sync and CopyDone
	at       int // 0: none
	fault    Fault
	fired    chan struct{} // closed when the fault was injected
	deliver  chan struct{}
	refuses  bool
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

// NewProxy starts a proxy to the server of a URL, and returns it with the URL of the database behind it.
func NewProxy(t testing.TB, location string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, server: u.Host, fired: make(chan struct{}), deliver: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.Deliver()
		p.CutAll()
		p.running.Wait()
	})
	u.Host = listener.Addr().String()
	return p, u.String()
}

// Fail makes the proxy fail the nth message from now on, once; 0 means none. The messages that are counted start at the first one
// after authentication. The channel is closed when the message has come.
func (p *Proxy) Fail(n int, fault Fault) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages, p.syncs, p.at, p.fault, p.fired = 0, 0, n, fault, make(chan struct{})
	p.deliver = make(chan struct{})
	return p.fired
}

// Deliver passes the delayed message to the server.
func (p *Proxy) Deliver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !isClosed(p.deliver) {
		close(p.deliver)
	}
}

func (p *Proxy) delayed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deliver
}

// Messages returns how many messages clients have sent since Fail.
func (p *Proxy) Messages() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messages
}

// RoundTrips returns how often clients have sent something that the server answers, since Fail.
func (p *Proxy) RoundTrips() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.syncs
}

// Fired reports whether the message to fail came.
func (p *Proxy) Fired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return isClosed(p.fired)
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Refuse makes the proxy close new connections at once, and cuts the open ones; or accept new ones again.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	p.refuses = refuse
	p.mu.Unlock()
	if refuse {
		p.CutAll()
	}
}

// CutAll cuts all connections.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		if p.refuses {
			_, _ = client.Close(), server.Close()
		}
		p.mu.Unlock()
		p.running.Go(func() { p.serve(client, server) })
	}
}

func (p *Proxy) serve(client, server net.Conn) {
	defer p.remove(client, server)
	s := &session{client: client, server: server, next: p.next, delayed: p.delayed}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.passAnswers()
		if !s.isMuted() {
			_ = client.Close() // the server ended the session
		}
	}()
	stalled := s.passMessages()
	s.mute()
	if tcp, ok := server.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // the server ends the session after what it has received
	}
	<-ended
	if stalled {
		_, _ = io.Copy(io.Discard, client) // until the client gives up
	}
}

func (p *Proxy) remove(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(p.conns, conn)
	}
}

// next counts a message and returns the fault at it, if there is one.
func (p *Proxy) next(kind byte) (Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == 'p' || kind == 'X' { // authentication; the end of a session
		return 0, false
	}
	p.messages++
	if kind == 'Q' || kind == 'S' || kind == 'c' {
		p.syncs++
	}
	if p.messages != p.at || isClosed(p.fired) {
		return 0, false
	}
	close(p.fired)
	return p.fault, true
}

// session is one connection through the proxy.
type session struct {
	client, server net.Conn
	next           func(kind byte) (Fault, bool)
	delayed        func() <-chan struct{}

	mu    sync.Mutex
	muted bool // answers are dropped
}

func (s *session) mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muted = true
}

func (s *session) isMuted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.muted
}

// passAnswers passes what the server sends until it ends the session.
func (s *session) passAnswers() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := s.server.Read(buffer)
		s.mu.Lock()
		if !s.muted {
			_, _ = s.client.Write(buffer[:n])
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// passMessages passes messages to the server until one of them fails, and reports whether the connection stalls. The format:
// https://www.postgresql.org/docs/current/protocol-message-formats.html.
func (s *session) passMessages() (stalled bool) {
	if err := s.passStartup(); err != nil {
		return false
	}
	for {
		message, err := readMessage(s.client, 1)
		if err != nil {
			return false
		}
		fault, fails := s.next(message[0])
		if fails {
			s.mute()
		}
		if fails && fault == Delay {
			_ = s.client.Close()
			<-s.delayed()
		}
		if !fails || fault == CutAfter || fault == Delay {
			if _, err := s.server.Write(message); err != nil {
				return false
			}
		}
		if fails {
			return fault == Stall
		}
	}
}

// passStartup passes the messages without a type: the request for TLS, which the server of the proxy refuses, and the startup.
func (s *session) passStartup() error {
	const encryption = 1234<<16 | 5679
	for {
		message, err := readMessage(s.client, 0)
		if err != nil {
			return err
		}
		if _, err := s.server.Write(message); err != nil {
			return err
		}
		if binary.BigEndian.Uint32(message[4:]) != encryption {
			return nil
		}
	}
}

// readMessage reads a message: a type of so many bytes, the length of the rest, the rest.
func readMessage(r io.Reader, typeBytes int) ([]byte, error) {
	head := make([]byte, typeBytes+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[typeBytes:])
	if size < 4 || size > 1<<30 {
		return nil, errors.New("not a message")
	}
	message := append(head, make([]byte, size-4)...)
	_, err := io.ReadFull(r, message[len(head):])
	return message, err
}
