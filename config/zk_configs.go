package config

// Settings of the ZooKeeper client.
var (
	ZookeeperConnect = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.connect",
		Type:       String,
		Importance: High,
		Doc:        "ZooKeeper servers of the cluster as host:port, separated by commas, with an optional chroot path after the last one, such as zk1:2181,zk2:2181/kafka. Several servers let the broker reach ZooKeeper while one of them is down. All brokers of a cluster must name the same chroot.",
	})}
	ZookeeperSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.session.timeout.ms",
		Type:       Int,
		Default:    "18000",
		HasDefault: true,
		Importance: High,
		Doc:        "Time without a heartbeat after which ZooKeeper ends the broker's session; the cluster then takes the broker for dead.",
	})}
	ZookeeperConnectionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.connection.timeout.ms",
		Type:       Int,
		Importance: High,
		Fallbacks:  []string{"zookeeper.session.timeout.ms"},
		Doc:        "Longest wait for the first connection to ZooKeeper when the broker starts. Unset, zookeeper.session.timeout.ms applies.",
	})}
	ZookeeperSyncTimeMs = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.sync.time.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: Low,
		Doc:        "How far a ZooKeeper follower may lag behind its leader. Kept for old configuration files; nothing depends on it.",
	})}
	ZookeeperSetAcl = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.set.acl",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: High,
		Doc:        "Create znodes with access control lists, so that only the brokers may change them. Needs an authenticated connection to ZooKeeper.",
	})}
	ZookeeperMaxInFlightRequests = Key[int]{BrokerDef.add(Row{
		Name:       "zookeeper.max.in.flight.requests",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "How many requests may wait for ZooKeeper's answer at once; further ones wait their turn.",
	})}
	ZookeeperSslClientEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.client.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Connect to ZooKeeper over TLS. The keystore and truststore settings that start with zookeeper.ssl. apply then.",
	})}
	ZookeeperClientCnxnSocket = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.clientCnxnSocket",
		Type:       String,
		Importance: Medium,
		Doc:        "The ZooKeeper client's socket class; TLS needs org.apache.zookeeper.ClientCnxnSocketNetty.",
	})}
	ZookeeperSslKeystoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.keystore.location",
		Type:       String,
		Importance: Medium,
		Doc:        "Keystore with the certificate that the broker shows to ZooKeeper when that asks for one.",
	})}
	ZookeeperSslKeystorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.keystore.password",
		Type:       Password,
		Importance: Medium,
		Doc:        "Password of the keystore for ZooKeeper. The key inside must have the same password.",
	})}
	ZookeeperSslKeystoreType = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.keystore.type",
		Type:       String,
		Importance: Medium,
		Doc:        "Format of the keystore for ZooKeeper. Unset, the ending of the file name decides.",
	})}
	ZookeeperSslTruststoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.truststore.location",
		Type:       String,
		Importance: Medium,
		Doc:        "Truststore with the authorities that may have signed ZooKeeper's certificate.",
	})}
	ZookeeperSslTruststorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.truststore.password",
		Type:       Password,
		Importance: Medium,
		Doc:        "Password of the truststore for ZooKeeper.",
	})}
	ZookeeperSslTruststoreType = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.truststore.type",
		Type:       String,
		Importance: Medium,
		Doc:        "Format of the truststore for ZooKeeper. Unset, the ending of the file name decides.",
	})}
	ZookeeperSslProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.protocol",
		Type:       String,
		Default:    "TLSv1.2",
		HasDefault: true,
		Importance: Low,
		Doc:        "TLS version that the connection to ZooKeeper starts from.",
	})}
	ZookeeperSslEnabledProtocols = Key[[]string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.enabled.protocols",
		Type:       List,
		Importance: Low,
		Doc:        "TLS versions allowed with ZooKeeper. Unset, only that of zookeeper.ssl.protocol.",
	})}
	ZookeeperSslCipherSuites = Key[[]string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.cipher.suites",
		Type:       List,
		Importance: Low,
		Doc:        "Cipher suites allowed with ZooKeeper. Unset, all that the enabled versions offer.",
	})}
	ZookeeperSslEndpointIdentificationAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.endpoint.identification.algorithm",
		Type:       String,
		Default:    "HTTPS",
		HasDefault: true,
		Importance: Low,
		Doc:        "Whether ZooKeeper's certificate must carry the server's host name: https (in any case) checks it, an empty value does not. Leaving it out is meant for tests only.",
	})}
	ZookeeperSslCrlEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.crl.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Low,
		Doc:        "Check ZooKeeper's certificate against revocation lists.",
	})}
	ZookeeperSslOcspEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "zookeeper.ssl.ocsp.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Low,
		Doc:        "Check ZooKeeper's certificate by OCSP.",
	})}
)
