package apis

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

// initProducerID gives an idempotent producer an id of its own. A transactional id
// needs a coordinator, which this broker has none of.
func (a *APIs) initProducerID(request *network.Request, body *kmsg.InitProducerIDRequest) {
	respond := func(id int64, epoch int16, err error) {
		response := body.ResponseKind().(*kmsg.InitProducerIDResponse)
		response.ProducerID, response.ProducerEpoch, response.ErrorCode = id, epoch, protocol.ErrorCode(err)
		request.Respond(response)
	}
	switch {
	case (body.ProducerID == -1) != (body.ProducerEpoch == -1):
		respond(-1, -1, kerr.InvalidRequest)
	case body.TransactionalID == nil:
		a.ProducerIDs.Generate(func(id int64, err error) {
			if err != nil {
				respond(-1, -1, err)
				return
			}
			respond(id, 0, nil)
		})
	case *body.TransactionalID == "":
		respond(-1, -1, kerr.InvalidRequest)
	default:
		respond(-1, -1, kerr.CoordinatorNotAvailable)
	}
}
