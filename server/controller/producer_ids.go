package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// AllocateProducerIds gives a broker a block of producer ids that no other gets
// (key 67, KIP-730).
func (c *KafkaController) AllocateProducerIds(request *kmsg.AllocateProducerIDsRequest, respond func(*kmsg.AllocateProducerIDsResponse)) {
	response := request.ResponseKind().(*kmsg.AllocateProducerIDsResponse)
	fail := func(err error) {
		response.ErrorCode = protocol.ErrorCode(err)
		respond(response)
	}
	c.putRequest("AllocateProducerIds", stateIdle, func() { fail(kerr.NotController) }, func() error {
		if err := c.checkBrokerEpoch("AllocateProducerIds", request.BrokerID, request.BrokerEpoch, kerr.BrokerIDNotRegistered); err != nil {
			fail(err)
			return nil
		}
		block, err := c.zkClient.GetNewProducerIdBlock(request.BrokerID)
		if err != nil {
			fail(requestError(err))
			return err
		}
		response.ProducerIDStart, response.ProducerIDLen = block.Start, block.Size
		respond(response)
		return nil
	})
}
