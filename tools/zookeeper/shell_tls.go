package zookeeper

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/gregor-broker/gregor/config"
)

// TLSConfig reads the zookeeper.ssl.* keys of a properties file; nil stands for
// plaintext. Stores have to be PEM files.
func TLSConfig(path string) (*tls.Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	properties, err := config.ReadProperties(file)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(properties["zookeeper.ssl.client.enable"], "true") {
		return nil, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if store := properties["zookeeper.ssl.keystore.location"]; store != "" {
		if err := requirePEM("zookeeper.ssl.keystore", store, properties); err != nil {
			return nil, err
		}
		pair, err := tls.LoadX509KeyPair(store, store)
		if err != nil {
			return nil, err
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	if store := properties["zookeeper.ssl.truststore.location"]; store != "" {
		if err := requirePEM("zookeeper.ssl.truststore", store, properties); err != nil {
			return nil, err
		}
		pem, err := os.ReadFile(store)
		if err != nil {
			return nil, err
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("zookeeper.ssl.truststore.location: no certificate in %s", store)
		}
	}
	return settings, nil
}

// requirePEM refuses the kinds of key stores that only Java reads.
func requirePEM(prefix, store string, properties map[string]string) error {
	kind := properties[prefix+".type"]
	if strings.EqualFold(kind, "PEM") || kind == "" && strings.HasSuffix(strings.ToLower(store), ".pem") {
		return nil
	}
	return fmt.Errorf("%s.location: %s has to be a PEM file (%s.type=PEM); convert JKS and PKCS12 stores with keytool and openssl", prefix, store, prefix)
}

// dial connects to a server, by TLS if that was asked for.
func (o *shellOptions) dial(ctx context.Context, address string) (net.Conn, error) {
	if o.tls == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return (&tls.Dialer{Config: o.tls}).DialContext(ctx, "tcp", address)
}
