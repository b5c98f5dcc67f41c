// Errors: what the server or the network says becomes a cause, a class and a next step.

package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Codes that are compared.
const (
	codePrecondition = "PreconditionFailed"
	codeNoUpload     = "NoSuchUpload"
	codeNoKey        = "NoSuchKey"
	codeRange        = "InvalidRange"
)

// damagedOnTheWay are the codes of requests whose content did not arrive as it was sent.
var damagedOnTheWay = map[string]bool{"BadDigest": true, "XAmzContentChecksumMismatch": true, "XAmzContentSHA256Mismatch": true, "IncompleteBody": true}

// conflicts are the codes of requests that met another one for the same key.
var conflicts = map[string]bool{"ConditionalRequestConflict": true, "OperationAborted": true}

// storeError is an error of one call. Its text contains no text of the credentials (rule 8).
type storeError struct {
	text  string
	class failure.Class
	after time.Duration
	is    error // a sentinel of the contract, or nil
	cause error
}

func (e *storeError) Error() string             { return e.text }
func (e *storeError) Class() failure.Class      { return e.class }
func (e *storeError) RetryAfter() time.Duration { return e.after }

// IsOfStore reports whether the error says nothing about the object.
func (e *storeError) IsOfStore() bool { return e.is == nil }

// IsOfServer is always true: the text names the bucket and its server.
func (e *storeError) IsOfServer() bool { return true }

func (e *storeError) Unwrap() []error {
	if e.is == nil {
		return []error{e.cause}
	}
	return []error{e.is, e.cause}
}

// failed wraps the error of a call on an object, or on the bucket if name is empty. It returns nil for nil, and what it has
// wrapped before as it is.
func (s *Store) failed(verb, name string, err error) error {
	var done *storeError
	if err == nil || errors.As(err, &done) {
		return err
	}
	d := diagnose(err)
	what := verb
	if name != "" {
		what += " " + name
	}
	text := fmt.Sprintf("%s: %s: %s", what, s.place(), s.withoutSecrets(d.cause))
	if d.next != "" {
		text += "; " + d.next
	}
	return &storeError{text: text, class: d.class, after: retryAfter(err), is: d.is, cause: err}
}

// withoutSecrets removes an explicit key, and what must be hidden, from the text of a server.
func (s *Store) withoutSecrets(text string) string {
	for _, hidden := range s.config.Hidden {
		if hidden != "" {
			text = strings.ReplaceAll(text, hidden, "…")
		}
	}
	if c := s.config.Credentials; c != nil {
		for _, secret := range []string{c.SecretAccessKey, c.SessionToken, c.AccessKeyID} {
			if secret != "" {
				text = strings.ReplaceAll(text, secret, "…")
			}
		}
	}
	return text
}

// diagnosis is what is known of an error.
type diagnosis struct {
	cause string
	class failure.Class
	next  string // what a person may do; empty if nothing
	is    error
}

func diagnose(err error) diagnosis {
	if d, found := diagnoseOwn(err); found {
		return d
	}
	if d, found := diagnoseResponse(err); found {
		return d
	}
	return diagnoseNetwork(err)
}

// diagnoseOwn is for errors that are not a complete answer of the server.
func diagnoseOwn(err error) (diagnosis, bool) {
	var own failure.Classified
	var missing *credentialsError
	switch {
	case errors.Is(err, context.Canceled):
		return diagnosis{cause: context.Canceled.Error(), class: failure.Transient}, true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, object.ErrDamaged), errors.As(err, &own):
		return diagnosis{cause: err.Error(), class: failure.Of(err)}, true
	case errors.Is(err, fs.ErrExist):
		return known[codePrecondition], true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isCut(err) && !errors.Is(err, os.ErrDeadlineExceeded):
		return diagnosis{cause: "the connection broke", class: failure.Transient}, true
	case errors.As(err, &missing):
		return diagnosis{
			cause: "no valid credentials were found", class: missing.class(),
			next: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give the machine a role",
		}, true
	}
	return diagnosis{}, false
}

const (
	checkKeys   = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile or role that gives them"
	checkServer = "check that the server runs and that this machine may reach it"
	checkRights = "give these credentials s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects"
)

// known are the codes of S3 with their diagnoses.
var known = map[string]diagnosis{
	codeNoKey:                      {"the object does not exist", failure.Data, "", fs.ErrNotExist},
	codePrecondition:               {"the object exists already", failure.Data, "", fs.ErrExist},
	codeRange:                      {"the object has another size", failure.Data, "", object.ErrDamaged},
	codeNoUpload:                   {"the upload was removed before it was complete", failure.Transient, "", nil},
	"NoSuchBucket":                 {"the bucket does not exist", failure.Data, "create it, or correct storage.bucket in bursar.yaml", nil},
	"InvalidBucketName":            {"the bucket's name is not valid", failure.Data, "correct storage.bucket in bursar.yaml: 3 to 63 of a to z, 0 to 9, - and .", nil},
	"AccessDenied":                 {"access denied", failure.Data, checkRights, nil},
	"AllAccessDisabled":            {"the bucket is disabled", failure.Data, "ask the owner of the bucket", nil},
	"InvalidAccessKeyId":           {"the access key does not exist", failure.Data, checkKeys, nil},
	"XAdminUserNotFound":           {"the access key does not exist", failure.Data, checkKeys, nil}, // of versitygw
	"SignatureDoesNotMatch":        {"the secret access key is wrong", failure.Data, checkKeys, nil},
	"InvalidSecurity":              {"the credentials are not valid", failure.Data, checkKeys, nil},
	"ExpiredToken":                 {"the session token has expired", failure.Data, "renew the credentials", nil},
	"ExpiredTokenException":        {"the session token has expired", failure.Data, "renew the credentials", nil},
	"TokenRefreshRequired":         {"the session token has expired", failure.Data, "renew the credentials", nil},
	"InvalidToken":                 {"the session token is not valid", failure.Data, "renew the credentials", nil},
	"RequestTimeTooSkewed":         {"the clocks of this machine and the server differ too much", failure.Data, "set the clock of this machine", nil},
	"PermanentRedirect":            {"the bucket is in another region", failure.Data, "correct storage.region or storage.endpoint in bursar.yaml", nil},
	"IllegalLocationConstraint":    {"the bucket is in another region", failure.Data, "correct storage.region in bursar.yaml", nil},
	"AuthorizationHeaderMalformed": {"the request is signed for another region than the bucket's", failure.Data, "correct storage.region in bursar.yaml", nil},
	"InvalidObjectState":           {"the object was moved to an archive", failure.Data, "restore it, and exclude the prefix from the bucket's lifecycle rules", nil},
	"EntityTooLarge":               {"the server does not take objects of this size", failure.Data, "", nil},
	"NotImplemented":               {"the server does not implement this request", failure.Data, "use a server that implements multipart uploads and conditional writes (If-None-Match)", nil},
	"QuotaExceeded":                {"the bucket is full", failure.Transient, "raise its quota", nil},
	"RequestTimeout":               {"the request took too long", failure.Transient, "", nil},
}

// diagnoseResponse is for answers of the server.
func diagnoseResponse(err error) (diagnosis, bool) {
	code, status := errorCode(err), statusOf(err)
	switch d, found := known[code]; {
	case isThrottle(code, status):
		return diagnosis{cause: "the server asks for fewer requests (" + named(code, status) + ")", class: failure.Throttled}, true
	case found:
		d.cause += " (" + code + ")"
		return d, true
	case damagedOnTheWay[code]:
		return diagnosis{cause: "the content was damaged on the way (" + code + ")", class: failure.Transient}, true
	case conflicts[code]:
		return diagnosis{cause: "another request for the same key is at work (" + code + ")", class: failure.Transient}, true
	case code == "NotFound": // of HEAD, whose answers have no code of their own
		return known[codeNoKey], true
	case status == http.StatusPreconditionFailed:
		return known[codePrecondition], true
	case status == http.StatusForbidden:
		return diagnosis{cause: "access denied, or wrong credentials (" + named(code, status) + ")", class: failure.Data, next: checkKeys + "; " + checkRights}, true
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect:
		return known["PermanentRedirect"], true
	case status == http.StatusNotImplemented:
		return known["NotImplemented"], true
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		return diagnosis{cause: "the server failed (" + named(code, status) + ")", class: failure.Transient}, true
	case status >= http.StatusBadRequest:
		return diagnosis{cause: "the server refused the request (" + named(code, status) + ": " + errorMessage(err) + ")", class: failure.Data}, true
	}
	return diagnosis{}, false
}

func isThrottle(code string, status int) bool {
	switch code {
	case "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded":
		return true
	}
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// named describes an answer by its code, or by its status if it has none.
func named(code string, status int) string {
	if code == "" || code == "UnknownError" {
		return fmt.Sprintf("status %d", status)
	}
	return code
}

// diagnoseNetwork is for requests without an answer.
func diagnoseNetwork(err error) diagnosis {
	var authority x509.UnknownAuthorityError
	var certificate x509.CertificateInvalidError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var dial *net.OpError
	text := err.Error()
	switch {
	case errors.As(err, &authority):
		return diagnosis{cause: "the server's certificate is signed by an unknown authority", class: failure.Data, next: "set AWS_CA_BUNDLE to a file with the certificate of its authority"}
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		return diagnosis{cause: "the server's certificate has expired or is not yet valid", class: failure.Data, next: "renew it, or set the clock of this machine"}
	case errors.As(err, &certificate):
		return diagnosis{cause: "the server's certificate is not valid: " + certificate.Error(), class: failure.Data, next: "replace the certificate"}
	case errors.As(err, &host):
		return diagnosis{cause: "the server's certificate is for another host", class: failure.Data, next: "correct storage.endpoint in bursar.yaml, or set storage.path_style: true"}
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return diagnosis{cause: "the server does not speak TLS on this port", class: failure.Data, next: "correct storage.endpoint in bursar.yaml: http:// or another port"}
	case errors.As(err, &dns):
		return diagnosis{
			cause: fmt.Sprintf("the host %s has no address", dns.Name), class: failure.Transient,
			next: "correct storage.endpoint or storage.region in bursar.yaml, or the name service; a bucket in the host name needs a wildcard, or storage.path_style: true",
		}
	case errors.As(err, &dial) && dial.Op == "dial":
		return diagnosis{cause: "no connection: " + dial.Err.Error(), class: failure.Transient, next: checkServer}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return diagnosis{cause: "the server did not answer in time", class: failure.Transient, next: checkServer}
	case isConnection(err):
		return diagnosis{cause: "the connection broke", class: failure.Transient}
	}
	return diagnosis{cause: text, class: failure.Of(err)}
}

// isConnection reports whether a request was sent and not answered.
func isConnection(err error) bool {
	var send *smithyhttp.RequestSendError
	return errors.As(err, &send)
}

// errorCode returns the code of an answer, or "".
func errorCode(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

func errorMessage(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorMessage()
	}
	return ""
}

func statusOf(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}

func responseHeader(err error) http.Header {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.Response != nil {
		return answer.Response.Header
	}
	return nil
}
