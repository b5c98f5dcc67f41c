// Scopes: what a token allows.

package access

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/failure"
)

// Right is what a route of the API needs.
type Right uint8

const (
	// Open needs no token.
	Open Right = iota
	// Events adds events to a stream.
	Events
	// Read reads everything, and changes nothing.
	Read
	// Operate is for routes that change anything else.
	Operate
)

// Scope is what a token allows. The zero value allows nothing.
type Scope struct {
	right   Right
	streams []string // with Events: only these
}

// Everything is the scope of the project folder's owner.
var Everything = Scope{right: Operate}

// scopeNames are the names of scopes in text. The name of Events is followed by its streams.
var scopeNames = map[Right]string{Events: "events", Read: "read", Operate: "operate"}

// ParseScope parses a scope: events:STREAM[,STREAM…], read or operate.
func ParseScope(text string) (Scope, error) {
	name, list, isList := strings.Cut(text, ":")
	switch {
	case name == scopeNames[Events] && list != "":
		streams := strings.Split(list, ",")
		slices.Sort(streams)
		streams = slices.Compact(streams)
		if !slices.Contains(streams, "") {
			return Scope{Events, streams}, nil
		}
	case !isList && name == scopeNames[Read]:
		return Scope{right: Read}, nil
	case !isList && name == scopeNames[Operate]:
		return Everything, nil
	}
	return Scope{}, failure.Wrap(failure.Data, fmt.Errorf("%q is not a scope: use events:STREAM[,STREAM…], read or operate", text))
}

// String returns the scope in the form that ParseScope parses.
func (s Scope) String() string {
	if s.right == Events {
		return scopeNames[Events] + ":" + strings.Join(s.streams, ",")
	}
	return scopeNames[s.right]
}

// Streams returns the streams to which the scope is limited; nil if it is not limited to streams.
func (s Scope) Streams() []string { return s.streams }

// Allows reports whether the scope includes a right, for a stream if the right is Events.
func (s Scope) Allows(need Right, stream string) bool {
	switch s.right {
	case Operate:
		return true
	case Events:
		return need == Events && slices.Contains(s.streams, stream)
	case Read:
		return need == Read
	}
	return false
}
