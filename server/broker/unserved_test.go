package broker

import (
	"context"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/config"
)

func TestProtectionThatIsNotServedIsRefusedAtStart(t *testing.T) {
	for key, value := range map[string]string{
		"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "zookeeper.ssl.client.enable": "true", "zookeeper.set.acl": "true",
	} {
		settings, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "127.0.0.1:1", key: value})
		if err != nil {
			t.Fatal(err)
		}
		err = New(settings, func(int) {}).Startup(context.Background())
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}
