package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrMalformed is wrapped by every error about bytes that are no request;
// such bytes close their connection.
var ErrMalformed = errors.New("malformed request")

// RequestHeader is the header of a request in any of its versions, as
// org.apache.kafka.common.requests.RequestHeader. A null client id reads as "".
type RequestHeader struct {
	APIKey        int16
	APIVersion    int16
	CorrelationID int32
	ClientID      string
}

// parseRequestHeader reads the header in front of a request and returns it with
// the bytes of the body. The API's version need not be supported, because
// ApiVersions requests of newer clients are answered too; its key must be known.
// The string likelyClientID is taken when the bytes are the same, which saves its
// allocation.
func parseRequestHeader(frame []byte, likelyClientID string) (RequestHeader, []byte, error) {
	var header RequestHeader
	if len(frame) < 8 {
		return header, nil, fmt.Errorf("%w: %d bytes are too few for a header", ErrMalformed, len(frame))
	}
	header.APIKey = int16(binary.BigEndian.Uint16(frame))
	header.APIVersion = int16(binary.BigEndian.Uint16(frame[2:]))
	header.CorrelationID = int32(binary.BigEndian.Uint32(frame[4:]))
	api, ok := APIForKey(header.APIKey)
	if !ok {
		return header, nil, fmt.Errorf("%w: unknown api key %d", ErrMalformed, header.APIKey)
	}
	walk := walker{src: frame[8:]}
	if header.APIKey == KeyControlledShutdown && header.APIVersion == 0 {
		return header, walk.src, nil // header version 0
	}
	if id := walk.clientID(); string(id) == likelyClientID {
		header.ClientID = likelyClientID
	} else {
		header.ClientID = string(id)
	}
	if api.IsFlexible(header.APIVersion) {
		walk.skipTags()
	}
	if walk.err != nil {
		return header, nil, fmt.Errorf("%w: header of %s: %w", ErrMalformed, api.Name, walk.err)
	}
	return header, walk.src, nil
}

// AppendResponse appends a whole response frame: length, header and body. The
// response must carry the version of its request.
func AppendResponse(dst []byte, correlationID int32, response kmsg.Response) []byte {
	start := len(dst)
	dst = AppendResponseHead(dst, correlationID, response.Key(), response.GetVersion(), 0)
	dst = response.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// AppendResponseHead appends the length of a response frame and its header,
// for a body of the given length that follows. The header is version 1 for
// flexible versions, except ApiVersions', which every client must be able to
// read before it knows the broker.
func AppendResponseHead(dst []byte, correlationID int32, key, version int16, bodyLength int) []byte {
	api, _ := APIForKey(key)
	headerLength := 4
	flexible := api.IsFlexible(version) && key != KeyApiVersions
	if flexible {
		headerLength++
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(headerLength+bodyLength))
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if flexible {
		dst = append(dst, 0)
	}
	return dst
}

// ParseResponseHeader reads the header in front of a response to a request of
// that API and version and returns the correlation id with the bytes of the body.
func ParseResponseHeader(frame []byte, key, version int16) (int32, []byte, error) {
	if len(frame) < 4 {
		return 0, nil, fmt.Errorf("response of %s: %d bytes are too few for a header", APIName(key), len(frame))
	}
	correlationID := int32(binary.BigEndian.Uint32(frame))
	walk := walker{src: frame[4:]}
	if api, _ := APIForKey(key); api.IsFlexible(version) && key != KeyApiVersions {
		walk.skipTags()
	}
	if walk.err != nil {
		return 0, nil, fmt.Errorf("header of the response of %s: %w", APIName(key), walk.err)
	}
	return correlationID, walk.src, nil
}

// UnsupportedVersionResponse is the answer to an ApiVersions request of a
// version that is not supported: version 0, naming the versions of ApiVersions
// alone.
func UnsupportedVersionResponse() *kmsg.ApiVersionsResponse {
	response := kmsg.NewPtrApiVersionsResponse()
	response.SetVersion(0)
	response.ErrorCode = 35
	own := kmsg.NewApiVersionsResponseApiKey()
	api := apiByKey[KeyApiVersions]
	own.ApiKey, own.MinVersion, own.MaxVersion = api.Key, api.MinVersion, api.MaxVersion
	response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{own}
	return response
}
