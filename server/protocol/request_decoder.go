package protocol

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrUnsupportedVersion is wrapped by the error about a request of an unknown
// version. Only an ApiVersions request of that kind is answered, by
// [UnsupportedVersionResponse]; any other closes its connection.
var ErrUnsupportedVersion = errors.New("unsupported version")

// EncodedRequest is a request whose bytes were found to be well formed but are
// not decoded yet.
type EncodedRequest struct {
	Header RequestHeader
	// Memory is about what decoding allocates. It can be a multiple of the
	// request's length.
	Memory int
	// KeepsFrame tells that fields of type bytes of the decoded request will
	// lie in the frame, which must not be overwritten before they are out of use.
	KeepsFrame bool
	// Body is what follows the header.
	Body []byte
}

// RequestDecoder reads the requests of one connection. The zero value with its
// APIs set is ready to use, by one goroutine.
type RequestDecoder struct {
	APIs *APITable

	clientID string // of the request before, which mostly is that of the next
}

// Inspect reads the header of a request and checks that its body is well
// formed. Its error wraps [ErrMalformed] or [ErrUnsupportedVersion]; with the
// latter the header is valid.
func (d *RequestDecoder) Inspect(frame []byte) (EncodedRequest, error) {
	header, body, err := parseRequestHeader(frame, d.clientID)
	request := EncodedRequest{Header: header, Body: body}
	if err != nil {
		return request, err
	}
	d.clientID = header.ClientID
	api, ok := d.APIs.Lookup(header.APIKey)
	if !ok {
		return request, fmt.Errorf("%w: api key %d is not served", ErrMalformed, header.APIKey)
	}
	if !api.Supports(header.APIVersion) {
		return request, fmt.Errorf("%w: %s version %d", ErrUnsupportedVersion, api.Name, header.APIVersion)
	}
	walk := walker{src: body, version: header.APIVersion, flexible: api.IsFlexible(header.APIVersion)}
	layout, ok := requests.of(header.APIKey, header.APIVersion)
	if !ok {
		walk.fail(errVersion)
	} else {
		walk.structure(layout.fields)
	}
	if walk.err != nil {
		return request, fmt.Errorf("%w: %s version %d: %w", ErrMalformed, api.Name, header.APIVersion, walk.err)
	}
	request.Memory, request.KeepsFrame = walk.memory, walk.hasBytes
	return request, nil
}

// Decode decodes the request. Strings are copied; bytes lie in the frame.
func (r *EncodedRequest) Decode() (kmsg.Request, error) {
	request := kmsg.RequestForKey(r.Header.APIKey)
	if request == nil {
		return nil, fmt.Errorf("%w: unknown api key %d", ErrMalformed, r.Header.APIKey)
	}
	request.SetVersion(r.Header.APIVersion)
	if err := request.ReadFrom(r.Body); err != nil {
		return nil, fmt.Errorf("%w: %s version %d: %w", ErrMalformed, APIName(r.Header.APIKey), r.Header.APIVersion, err)
	}
	return request, nil
}
