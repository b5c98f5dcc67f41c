// What the bearer of a token may do.

package access

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/failure"
)

// Right is what a route of the API asks for.
type Right uint8

const (
	// Open asks for nothing.
	Open Right = iota
	// Events adds events to a stream.
	Events
	// Read looks at anything, and changes nothing.
	Read
	// Operate is for routes that change anything else.
	Operate
)

// Scope is what a token allows. The zero value allows nothing.
type Scope struct {
	right   Right
	streams []string // with Events: only these
}

// Everything is the scope of the owner of the project folder.
var Everything = Scope{right: Operate}

// scopeNames are scopes as they are written; that of Events is followed by its streams.
var scopeNames = map[Right]string{Events: "events", Read: "read", Operate: "operate"}

// ParseScope reads a scope as it is written: events:STREAM[,STREAM…], read or operate.
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

// String is the scope as it is written.
func (s Scope) String() string {
	if s.right == Events {
		return scopeNames[Events] + ":" + strings.Join(s.streams, ",")
	}
	return scopeNames[s.right]
}

// Streams are those whose events the scope is for; nil if it is not for events of some.
func (s Scope) Streams() []string { return s.streams }

// Allows reports whether the scope is enough for a route that needs the right, and is about the stream if it is about one.
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
