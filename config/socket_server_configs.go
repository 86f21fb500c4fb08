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
		Doc:        "How many threads of a JVM broker move requests and responses over the network; here connections have goroutines of their own, and the value only bounds how it may be changed.",
	})}
	NumIoThreads = Key[int]{BrokerDef.add(Row{
		Name:       "num.io.threads",
		Type:       Int,
		Default:    "8",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "How many threads of a JVM broker work on requests, disk included; here every connection works for itself, and the value only bounds how it may be changed.",
	})}
	BackgroundThreads = Key[int]{BrokerDef.add(Row{
		Name:       "background.threads",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "How many threads of a JVM broker share background work such as flushing and deletion.",
	})}
	QueuedMaxRequests = Key[int]{BrokerDef.add(Row{
		Name:       "queued.max.requests",
		Type:       Int,
		Default:    "500",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "How many requests may wait for work before the broker stops reading from data-plane connections.",
	})}
	QueuedMaxRequestBytes = Key[int64]{BrokerDef.add(Row{
		Name:       "queued.max.request.bytes",
		Type:       Long,
		Default:    "-1",
		HasDefault: true,
		Importance: Medium,
		Doc:        "How many bytes of waiting requests the broker holds before it stops reading; 0 or less sets no limit.",
	})}
	RequestTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "request.timeout.ms",
		Type:       Int,
		Default:    "30000",
		HasDefault: true,
		Importance: High,
		Doc:        "How long a client inside the broker waits for an answer before it sends the request again or gives up.",
	})}
	SocketConnectionSetupTimeoutMs = Key[int64]{BrokerDef.add(Row{
		Name:       "socket.connection.setup.timeout.ms",
		Type:       Long,
		Default:    "10000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "First bound on the time to open a connection to another broker; it grows after each failure up to socket.connection.setup.timeout.max.ms.",
	})}
	SocketConnectionSetupTimeoutMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "socket.connection.setup.timeout.max.ms",
		Type:       Long,
		Default:    "30000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Upper bound on the time to open a connection after repeated failures.",
	})}
	Listeners = Key[string]{BrokerDef.add(Row{
		Name:       "listeners",
		Type:       String,
		Default:    "PLAINTEXT://:9092",
		HasDefault: true,
		Importance: High,
		Scope:      PerBroker,
		Doc:        "What the broker listens on: name://host:port, separated by commas. Names and ports must differ from each other. A name that is no security protocol needs an entry in listener.security.protocol.map. An empty host or 0.0.0.0 listens on all interfaces.",
	})}
	AdvertisedListeners = Key[string]{BrokerDef.add(Row{
		Name:       "advertised.listeners",
		Type:       String,
		Importance: High,
		Scope:      PerBroker,
		Fallbacks:  []string{"listeners"},
		Doc:        "What the broker tells clients and other brokers to connect to, when that differs from listeners, as behind NAT or in a cloud. The names must be among those of listeners, ports may repeat, and 0.0.0.0 is not allowed.",
	})}
	ListenerSecurityProtocolMap = Key[string]{BrokerDef.add(Row{
		Name:       "listener.security.protocol.map",
		Type:       String,
		Default:    "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
		HasDefault: true,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "Security protocol of every listener name, as name:protocol pairs separated by commas. Listener names need not be protocols, so one protocol may serve several listeners. Settings under listener.name.<name in lower case>. hold for one listener only.",
	})}
	ControlPlaneListenerName = Key[string]{BrokerDef.add(Row{
		Name:       "control.plane.listener.name",
		Type:       String,
		Importance: High,
		Doc:        "Listener on which the controller's requests to this broker travel, apart from all other traffic. Unset, they share the inter-broker listener.",
	})}
	SocketSendBufferBytes = Key[int]{BrokerDef.add(Row{
		Name:       "socket.send.buffer.bytes",
		Type:       Int,
		Default:    "102400",
		HasDefault: true,
		Importance: High,
		Doc:        "SO_SNDBUF of the listening sockets; -1 leaves the choice to the system.",
	})}
	SocketReceiveBufferBytes = Key[int]{BrokerDef.add(Row{
		Name:       "socket.receive.buffer.bytes",
		Type:       Int,
		Default:    "102400",
		HasDefault: true,
		Importance: High,
		Doc:        "SO_RCVBUF of the listening sockets; -1 leaves the choice to the system.",
	})}
	SocketRequestMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "socket.request.max.bytes",
		Type:       Int,
		Default:    "104857600",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Largest request that the broker reads; a connection that announces a larger one is closed.",
	})}
	MaxConnectionsPerIp = Key[int]{BrokerDef.add(Row{
		Name:       "max.connections.per.ip",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Connections allowed from one address; 0 only together with max.connections.per.ip.overrides. Further connections are closed at once.",
	})}
	MaxConnectionsPerIpOverrides = Key[string]{BrokerDef.add(Row{
		Name:       "max.connections.per.ip.overrides",
		Type:       String,
		Default:    "",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Connections allowed for given hosts or addresses, as host:count pairs separated by commas, in place of max.connections.per.ip.",
	})}
	MaxConnections = Key[int]{BrokerDef.add(Row{
		Name:       "max.connections",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Connections allowed at any time on all listeners; a listener may have a limit of its own under its listener.name. prefix. The inter-broker listener is served even at the limit, by closing another connection that is idle.",
	})}
	MaxConnectionCreationRate = Key[int]{BrokerDef.add(Row{
		Name:       "max.connection.creation.rate",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Connections accepted per second; a listener may have a limit of its own under its listener.name. prefix. The inter-broker listener is not slowed down by the limit of the broker.",
	})}
	ConnectionsMaxIdleMs = Key[int64]{BrokerDef.add(Row{
		Name:       "connections.max.idle.ms",
		Type:       Long,
		Default:    "600000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Time without traffic after which a connection is closed.",
	})}
	ConnectionFailedAuthenticationDelayMs = Key[int]{BrokerDef.add(Row{
		Name:       "connection.failed.authentication.delay.ms",
		Type:       Int,
		Default:    "100",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Low,
		Doc:        "Time by which the answer to a failed authentication is held back. Must be shorter than connections.max.idle.ms.",
	})}
	MaxIncrementalFetchSessionCacheSlots = Key[int]{BrokerDef.add(Row{
		Name:       "max.incremental.fetch.session.cache.slots",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "Incremental fetch sessions kept for consumers and followers; others fetch without a session.",
	})}
)
