// Package loopback keeps the ports of a project that only this machine reaches. They are chosen once and stored in a file, so
// that people and tools find them again, and a port is replaced only if another program uses it. It must not know what listens.
package loopback

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"syscall"

	"bursar/internal/durable"
)

// Host is the address of this machine for itself.
const Host = "127.0.0.1"

// tries is how many ports are tried before Keep gives up.
const tries = 1000

// Address returns host:port.
func Address(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }

// Keep loads ports from a file, replaces those that are missing, equal to another or not free, and writes the file if any was
// replaced. take uses or tries a port; its error says whether the port is in use. A file without valid content is ignored: only
// people who attach tools depend on the numbers.
func Keep[P comparable](file string, list func(*P) []*int, take func(port int) error) (P, error) {
	var kept P
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return kept, fmt.Errorf("read ports: %w", err)
	}
	if json.Unmarshal(text, &kept) != nil {
		kept = *new(P)
	}
	before := kept
	taken := map[int]bool{}
	for _, port := range list(&kept) {
		if err := choose(port, taken, take); err != nil {
			return kept, err
		}
	}
	if kept == before {
		return kept, nil
	}
	if text, err = json.Marshal(kept); err == nil {
		err = durable.WriteFile(file, append(text, '\n'))
	}
	if err != nil {
		return kept, fmt.Errorf("save ports: %w", err)
	}
	return kept, nil
}

// choose replaces a port until it can be taken. The new ones are below the range that systems use for outgoing connections, so
// that none of these uses the port while the project is not running.
func choose(port *int, taken map[int]bool, take func(port int) error) error {
	for range tries {
		if *port > 0 && *port < 1<<16 && !taken[*port] {
			err := take(*port)
			if err == nil {
				taken[*port] = true
				return nil
			}
			if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
				return err
			}
		}
		*port = 20000 + rand.IntN(12000)
	}
	return fmt.Errorf("none of %d ports tried is free on %s", tries, Host)
}
