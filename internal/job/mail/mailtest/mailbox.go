// What the server received, and its answers in the form of mailpit's API.

package mailtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	netmail "net/mail"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Message is a message that was stored.
type Message struct {
	MessageID string // without angle brackets
	From      string // of the envelope
	To        []string
	Subject   string // as sent
	Size      int
	Created   time.Time
	Raw       []byte // nil unless Options.Raw

	searched string // MessageID in lower case
}

// read takes what the mailbox shows from the headers.
func (m *Message) read(raw []byte) error {
	parsed, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("read headers: %w", err)
	}
	m.MessageID = strings.Trim(parsed.Header.Get("Message-ID"), "<>")
	m.searched = strings.ToLower(m.MessageID)
	m.Subject = parsed.Header.Get("Subject")
	m.Size = len(raw)
	return nil
}

// mailbox holds messages in the order of their receipt.
type mailbox struct {
	mu       sync.Mutex
	messages []Message
	count    map[string]int // by Message-ID
}

func (b *mailbox) add(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count == nil {
		b.count = map[string]int{}
	}
	m.Created = time.Now()
	b.messages = append(b.messages, m)
	b.count[m.MessageID]++
}

// Messages returns all messages in the order of their receipt.
func (s *Server) Messages() []Message {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	return slices.Clone(s.mailbox.messages)
}

// Count returns how many messages have this Message-ID, which is given without angle brackets.
func (s *Server) Count(messageID string) int {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	return s.mailbox.count[messageID]
}

// Len returns the number of messages.
func (s *Server) Len() int {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	return len(s.mailbox.messages)
}

// Clear deletes all messages.
func (s *Server) Clear() {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	s.mailbox.messages, s.mailbox.count = nil, nil
}

// The JSON of mailpit, as far as it is read: total and unread are of the mailbox, messages_count is of the search.
type (
	listJSON struct {
		Total         int           `json:"total"`
		Unread        int           `json:"unread"`
		Count         int           `json:"count"`
		MessagesCount int           `json:"messages_count"`
		Start         int           `json:"start"`
		Messages      []messageJSON `json:"messages"`
	}
	messageJSON struct {
		ID, MessageID, Subject string
		From                   addressJSON
		To                     []addressJSON
		Created                time.Time
		Size                   int
	}
	addressJSON struct{ Name, Address string }
)

// Handler answers /api/v1/search?query=message-id:… and /api/v1/messages, each with start and limit, the newest message first.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/messages", func(w http.ResponseWriter, r *http.Request) { s.list(w, r, "") })
	mux.HandleFunc("GET /api/v1/search", func(w http.ResponseWriter, r *http.Request) {
		id, ok := strings.CutPrefix(r.FormValue("query"), "message-id:")
		if !ok || id == "" {
			http.Error(w, "query is not message-id:…", http.StatusBadRequest)
			return
		}
		s.list(w, r, strings.ToLower(id))
	})
	return mux
}

// list answers with the messages whose Message-ID contains part, as mailpit does.
func (s *Server) list(w http.ResponseWriter, r *http.Request, part string) {
	start, limit := number(r, "start", 0), number(r, "limit", 50)
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	out := listJSON{Total: len(s.mailbox.messages), Unread: len(s.mailbox.messages), Start: start, Messages: []messageJSON{}}
	for i := len(s.mailbox.messages) - 1; i >= 0; i-- {
		m := &s.mailbox.messages[i]
		if part != "" && !strings.Contains(m.searched, part) {
			continue
		}
		if out.MessagesCount >= start && len(out.Messages) < limit {
			out.Messages = append(out.Messages, m.json(i))
		}
		out.MessagesCount++
	}
	out.Count = len(out.Messages)
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return // the client is gone
	}
}

func (m *Message) json(i int) messageJSON {
	out := messageJSON{
		ID: strconv.Itoa(i), MessageID: m.MessageID, Subject: m.Subject, Created: m.Created, Size: m.Size,
		From: addressJSON{Address: m.From}, To: []addressJSON{},
	}
	for _, to := range m.To {
		out.To = append(out.To, addressJSON{Address: to})
	}
	return out
}

func number(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.FormValue(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}
