package broker

import (
	"fmt"

	"github.com/gregor-broker/gregor/config"
)

// refuseUnserved refuses settings that protect a cluster and that this broker does
// not carry out: to start without them would leave open what their owner believes
// closed. Listeners other than plaintext are refused where they are bound.
func refuseUnserved(settings *config.BrokerConfig) error {
	switch {
	case config.AuthorizerClassName.Get(settings) != "":
		return fmt.Errorf("%s is set, and this broker does not authorize requests", config.AuthorizerClassName.Name)
	case config.ZookeeperSslClientEnable.Get(settings):
		return fmt.Errorf("%s is true, and this broker talks to ZooKeeper in plain text only", config.ZookeeperSslClientEnable.Name)
	case config.ZookeeperSetAcl.Get(settings):
		return fmt.Errorf("%s is true, but the connection to ZooKeeper is not authenticated", config.ZookeeperSetAcl.Name)
	}
	return nil
}
