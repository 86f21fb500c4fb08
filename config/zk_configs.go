package config

// Settings of the ZooKeeper client.
var (
	ZookeeperConnect = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.connect",
		Type:       String,
		Importance: High,
		Doc:        "",
	})}
	ZookeeperSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.session.timeout.ms",
		Type:       Int,
		Default:    "18000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ZookeeperConnectionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.connection.timeout.ms",
		Type:       Int,
		Importance: High,
		Fallbacks:  []string{"zookeeper.session.timeout.ms"},
		Doc:        "",
	})}
	ZookeeperSyncTimeMs = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.sync.time.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	ZookeeperSetAcl = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.set.acl",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ZookeeperMaxInFlightRequests = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.max.in.flight.requests",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	ZookeeperSslClientEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.client.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperClientCnxnSocket = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.clientCnxnSocket",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperSslKeystoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.keystore.location",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperSslKeystorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.keystore.password",
		Type:       Password,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperSslKeystoreType = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.keystore.type",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperSslTruststoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.truststore.location",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperSslTruststorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.truststore.password",
		Type:       Password,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperSslTruststoreType = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.truststore.type",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	ZookeeperSslProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.protocol",
		Type:       String,
		Default:    "TLSv1.2",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	ZookeeperSslEnabledProtocols = Key[[]string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.enabled.protocols",
		Type:       List,
		Importance: Low,
		Doc:        "",
	})}
	ZookeeperSslCipherSuites = Key[[]string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.cipher.suites",
		Type:       List,
		Importance: Low,
		Doc:        "",
	})}
	ZookeeperSslEndpointIdentificationAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.endpoint.identification.algorithm",
		Type:       String,
		Default:    "HTTPS",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	ZookeeperSslCrlEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.crl.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	ZookeeperSslOcspEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.ocsp.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
)
