// Checks of the OpenAPI document: it lists the routes that are served, and every response of a test matches its schema.

package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"bursar/internal/serve/access"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// contract is the parsed OpenAPI document.
type contract struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	var read any
	if err := yaml.Unmarshal(openAPI, &read); err != nil {
		return nil, err
	}
	text, err := json.Marshal(read)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := &contract{compiler: jsonschema.NewCompiler()}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	c.root, _ = document.(map[string]any)
	return c, c.compiler.AddResource("openapi.json", document)
})

func readContract(t *testing.T) *contract {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns the object at a path of the document, and follows references.
func (c *contract) at(t *testing.T, from map[string]any, path ...string) map[string]any {
	t.Helper()
	for _, name := range path {
		next, ok := from[name].(map[string]any)
		if !ok {
			t.Fatalf("the document has no %s in %s", name, strings.Join(path, " / "))
		}
		from = c.follow(t, next)
	}
	return from
}

func (c *contract) follow(t *testing.T, node map[string]any) map[string]any {
	t.Helper()
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	return c.at(t, c.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// rights maps rights to the security requirements of the document.
var rights = map[access.Right]string{access.Open: "[]", access.Read: "[map[token:[read]]]", access.Events: "[map[token:[events]]]"}

// TestDocumentHasAllRoutes compares the routes of the mux with the paths of the document, both ways.
func TestDocumentHasAllRoutes(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	var served, described []string
	for _, r := range (&Server{metrics: &metrics{}}).routes() {
		served = append(served, fmt.Sprint(r.pattern, " needs ", rights[r.right]))
	}
	for path := range c.at(t, c.root, "paths") {
		for method := range c.at(t, c.root, "paths", path) {
			security, own := c.at(t, c.root, "paths", path, method)["security"]
			if !own {
				security = c.root["security"]
			}
			described = append(described, fmt.Sprint(strings.ToUpper(method), " ", path, " needs ", security))
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served    %q\ndescribed %q", served, described)
	}
}

// TestSchemasCompile compiles every schema of the document.
func TestSchemasCompile(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for name := range c.at(t, c.root, "components", "schemas") {
		if _, err := c.compile("/components/schemas/" + name); err != nil {
			t.Error(err)
		}
	}
}

func (c *contract) compile(pointer string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile("openapi.json#" + pointer)
}

// check checks a response against the document's schema for its route and status.
func (c *contract) check(t *testing.T, pattern string, answer apiResponse, body []byte) {
	t.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	responses := c.at(t, c.root, "paths", path, strings.ToLower(method), "responses")
	status := fmt.Sprint(answer.StatusCode)
	if responses[status] == nil {
		status = "default"
		if answer.StatusCode < 400 {
			t.Fatalf("%s answers %d, which the document does not describe", pattern, answer.StatusCode)
		}
	}
	response := c.at(t, responses, status)
	if headers, ok := response["headers"].(map[string]any); ok {
		for name := range headers {
			if answer.Header.Get(name) == "" {
				t.Errorf("%s %d: no header %s", pattern, answer.StatusCode, name)
			}
		}
	}
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if response["content"] == nil {
		if len(body) > 0 {
			t.Errorf("%s %d has a body: %s", pattern, answer.StatusCode, body)
		}
		return
	}
	schema := c.at(t, response, "content", kind, "schema")
	if strings.HasSuffix(kind, "json") {
		c.validate(t, fmt.Sprintf("%s %d", pattern, answer.StatusCode), schema, body)
	}
}

// validate checks each line of a body against a schema. The document's components are included, so that references resolve.
func (c *contract) validate(t *testing.T, what string, schema map[string]any, body []byte) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	whole := map[string]any{"components": c.root["components"]}
	for key, value := range schema {
		whole[key] = value
	}
	if err := compiler.AddResource("answer.json", whole); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("answer.json")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(body) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err == nil {
			err = compiled.Validate(value)
		}
		if err != nil {
			t.Errorf("%s does not match the document: %v\n%s", what, err, line)
		}
	}
}
