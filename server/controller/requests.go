package controller

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// putRequest enqueues a request. Refuse answers NOT_CONTROLLER, or what the API
// has for it, when this broker is not the controller or stops being it before
// the request's turn. Kafka leaves some requests unanswered then.
func (c *KafkaController) putRequest(name string, state controllerState, refuse func(), process func() error) {
	c.events.put(event{name: name, state: state, preempt: refuse, process: func() error {
		if !c.IsActive() {
			refuse()
			return nil
		}
		return process()
	}})
}

// requestError is what a requester hears of an error that ended its request.
func requestError(err error) error {
	if errors.Is(err, errControllerMoved) {
		return kerr.NotController
	}
	return fmt.Errorf("%w: %w", kerr.UnknownServerError, err)
}
