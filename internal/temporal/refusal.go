// Why a cluster refuses a client: the errors of its answers, with class and next step.

package temporal

import (
	"cmp"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bursar/internal/failure"
)

// refusal adds class and next step to the error of a request.
func refusal(o *Options, err error) error {
	var missing *serviceerror.NamespaceNotFound
	var denied *serviceerror.PermissionDenied
	var unimplemented *serviceerror.Unimplemented
	var unsupported *serviceerror.ServerVersionNotSupported
	var client *serviceerror.ClientVersionNotSupported
	switch {
	case errors.As(err, &missing):
		err = fmt.Errorf("namespace %s does not exist: create it with `temporal operator namespace create --address %s -n %[1]s --retention 72h`", o.Namespace, cmp.Or(o.ShownAddress, o.Address))
	case errors.As(err, &denied), status.Code(err) == codes.Unauthenticated:
		err = fmt.Errorf("access to namespace %s is denied: %s", o.Namespace, accessStep(o))
	case errors.As(err, &unimplemented):
		err = fmt.Errorf("what answers is not a Temporal server, or too old: write the address of its frontend, port 7233 by default (%w)", err)
	case errors.As(err, &unsupported), errors.As(err, &client):
		err = fmt.Errorf("the server does not support this client: upgrade the server or bursar (%w)", err)
	default:
		return fromService(err)
	}
	return failure.Wrap(failure.Data, err)
}

// accessStep says what to correct, by what the client presents.
func accessStep(o *Options) string {
	switch {
	case o.APIKey != "":
		return "replace temporal.api_key by a key that is valid and may write to this namespace"
	case o.TLS != nil && len(o.TLS.Certificates) > 0:
		return "let the server allow the certificate in temporal.tls.cert to write to this namespace, or set temporal.api_key"
	}
	return "set temporal.api_key, or temporal.tls.cert and temporal.tls.key, as the server's operator says"
}
