package config

// Settings of listeners, connections and request handling.
var (
	NumNetworkThreads = Key[int]{BrokerDef.add(Row{
		Name:       "num.network.threads",
		Type:       Int,
		Default:    "3",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	NumIoThreads = Key[int]{BrokerDef.add(Row{
		Name:       "num.io.threads",
		Type:       Int,
		Default:    "8",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	BackgroundThreads = Key[int]{BrokerDef.add(Row{
		Name:       "background.threads",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	QueuedMaxRequests = Key[int]{BrokerDef.add(Row{
		Name:       "queued.max.requests",
		Type:       Int,
		Default:    "500",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	QueuedMaxRequestBytes = Key[int64]{BrokerDef.add(Row{
		Name:       "queued.max.request.bytes",
		Type:       Long,
		Default:    "-1",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	RequestTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "request.timeout.ms",
		Type:       Int,
		Default:    "30000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	SocketConnectionSetupTimeoutMs = Key[int64]{BrokerDef.add(Row{
		Name:       "socket.connection.setup.timeout.ms",
		Type:       Long,
		Default:    "10000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	SocketConnectionSetupTimeoutMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "socket.connection.setup.timeout.max.ms",
		Type:       Long,
		Default:    "30000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	Listeners = Key[string]{BrokerDef.add(Row{
		Name:       "listeners",
		Type:       String,
		Default:    "PLAINTEXT://:9092",
		HasDefault: true,
		Importance: High,
		Scope:      PerBroker,
		Doc:        "",
	})}
	AdvertisedListeners = Key[string]{BrokerDef.add(Row{
		Name:       "advertised.listeners",
		Type:       String,
		Importance: High,
		Scope:      PerBroker,
		Fallbacks:  []string{"listeners"},
		Doc:        "",
	})}
	ListenerSecurityProtocolMap = Key[string]{BrokerDef.add(Row{
		Name:       "listener.security.protocol.map",
		Type:       String,
		Default:    "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
		HasDefault: true,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "",
	})}
	ControlPlaneListenerName = Key[string]{BrokerDef.add(Row{
		Name:       "control.plane.listener.name",
		Type:       String,
		Importance: High,
		Doc:        "",
	})}
	SocketSendBufferBytes = Key[int]{BrokerDef.add(Row{
		Name:       "socket.send.buffer.bytes",
		Type:       Int,
		Default:    "102400",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	SocketReceiveBufferBytes = Key[int]{BrokerDef.add(Row{
		Name:       "socket.receive.buffer.bytes",
		Type:       Int,
		Default:    "102400",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	SocketRequestMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "socket.request.max.bytes",
		Type:       Int,
		Default:    "104857600",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	MaxConnectionsPerIp = Key[int]{BrokerDef.add(Row{
		Name:       "max.connections.per.ip",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	MaxConnectionsPerIpOverrides = Key[string]{BrokerDef.add(Row{
		Name:       "max.connections.per.ip.overrides",
		Type:       String,
		Default:    "",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	MaxConnections = Key[int]{BrokerDef.add(Row{
		Name:       "max.connections",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	MaxConnectionCreationRate = Key[int]{BrokerDef.add(Row{
		Name:       "max.connection.creation.rate",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	ConnectionsMaxIdleMs = Key[int64]{BrokerDef.add(Row{
		Name:       "connections.max.idle.ms",
		Type:       Long,
		Default:    "600000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ConnectionFailedAuthenticationDelayMs = Key[int]{BrokerDef.add(Row{
		Name:       "connection.failed.authentication.delay.ms",
		Type:       Int,
		Default:    "100",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Low,
		Doc:        "",
	})}
	MaxIncrementalFetchSessionCacheSlots = Key[int]{BrokerDef.add(Row{
		Name:       "max.incremental.fetch.session.cache.slots",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "",
	})}
)
