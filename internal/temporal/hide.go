// Values of a cluster's settings that are not printed, because bursar.yaml only refers to them.

package temporal

import (
	"cmp"
	"context"
	"net"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// numericAddress matches IP:port, what the name of a host stands for.
var numericAddress = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+:\d+|\[[0-9a-f:]+\]:\d+`)

// hide replaces the values that are not to be printed.
func (o *Options) hide(text string) string {
	if shown := cmp.Or(o.ShownAddress, o.Address); shown != o.Address {
		host, _, _ := net.SplitHostPort(o.Address)
		text = strings.ReplaceAll(strings.ReplaceAll(text, o.Address, shown), cmp.Or(host, o.Address), shown)
		text = numericAddress.ReplaceAllString(text, shown)
	}
	if shown := cmp.Or(o.ShownNamespace, o.Namespace); shown != o.Namespace {
		text = strings.ReplaceAll(text, o.Namespace, shown)
	}
	return text
}

// hideInErrors is an interceptor that does so in the errors of requests, before anybody logs or returns them.
func (o *Options) hideInErrors(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	err := invoke(ctx, method, request, reply, conn, options...)
	if err == nil {
		return nil
	}
	found := status.Convert(err).Proto()
	if hidden := o.hide(found.GetMessage()); hidden != found.GetMessage() {
		found.Message = hidden
		return status.FromProto(found).Err()
	}
	return err
}
