package config

// Settings of TLS, SASL, authorization and tokens.
var (
	SaslMechanismControllerProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.mechanism.controller.protocol",
		Type:       String,
		Default:    "GSSAPI",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: SASL mechanism between brokers and controllers. No effect with ZooKeeper.",
	})}
	AuthorizerClassName = Key[string]{BrokerDef.add(Row{
		Name:       "authorizer.class.name",
		Type:       String,
		Default:    "",
		HasDefault: true,
		Importance: Low,
		Doc:        "What decides who may do what: kafka.security.authorizer.AclAuthorizer keeps access control lists in ZooKeeper. Empty, everybody may do everything.",
	})}
	SecurityInterBrokerProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "security.inter.broker.protocol",
		Type:       String,
		Default:    "PLAINTEXT",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Security protocol between brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. Not together with inter.broker.listener.name.",
	})}
	ConnectionsMaxReauthMs = Key[int64]{BrokerDef.add(Row{
		Name:       "connections.max.reauth.ms",
		Type:       Long,
		Default:    "0",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Longest time that an authenticated SASL session lasts before the client must authenticate again; 0 never asks. A mechanism of a listener may have its own under listener.name.<listener>.<mechanism>.",
	})}
	SecurityProviders = Key[string]{BrokerDef.add(Row{
		Name:       "security.providers",
		Type:       String,
		Importance: Low,
		Doc:        "Java security providers. Accepted for the sake of existing files; there is no JVM to register them with.",
	})}
	PrincipalBuilderClass = Key[string]{BrokerDef.add(Row{
		Name:       "principal.builder.class",
		Type:       Class,
		Default:    "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "What turns an authenticated connection into a principal. The built-in builder applies ssl.principal.mapping.rules to TLS and sasl.kerberos.principal.to.local.rules to Kerberos.",
	})}
	SslProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.protocol",
		Type:       String,
		Default:    "TLSv1.3",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "TLS version that connections start from. TLSv1.2 and TLSv1.3 are sensible; older ones are insecure.",
	})}
	SslProvider = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.provider",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Java security provider for TLS. Accepted for the sake of existing files.",
	})}
	SslEnabledProtocols = Key[[]string]{BrokerDef.add(Row{
		Name:       "ssl.enabled.protocols",
		Type:       List,
		Default:    "TLSv1.2,TLSv1.3",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "TLS versions allowed. Client and broker settle on the newest that both have.",
	})}
	SslKeystoreType = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.type",
		Type:       String,
		Default:    "JKS",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Format of the keystore: JKS, PKCS12 or PEM.",
	})}
	SslKeystoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.location",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Keystore with the broker's own certificate and key.",
	})}
	SslKeystorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.password",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Password of the keystore. Not for PEM.",
	})}
	SslKeyPassword = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.key.password",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Password of the private key in the keystore or in ssl.keystore.key.",
	})}
	SslKeystoreKey = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.key",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Private key in PEM form, PKCS#8, given in the setting itself. An encrypted one needs ssl.key.password.",
	})}
	SslKeystoreCertificateChain = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.certificate.chain",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Certificate chain in PEM form, given in the setting itself.",
	})}
	SslTruststoreType = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.type",
		Type:       String,
		Default:    "JKS",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Format of the truststore: JKS, PKCS12 or PEM.",
	})}
	SslTruststoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.location",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Truststore with the authorities whose certificates are accepted.",
	})}
	SslTruststorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.password",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Password of the truststore. Without it the file is read but its integrity is not checked. Not for PEM.",
	})}
	SslTruststoreCertificates = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.certificates",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Trusted certificates in PEM form, given in the setting itself.",
	})}
	SslKeymanagerAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keymanager.algorithm",
		Type:       String,
		Default:    "SunX509",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Java's key manager algorithm. Accepted for the sake of existing files.",
	})}
	SslTrustmanagerAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.trustmanager.algorithm",
		Type:       String,
		Default:    "PKIX",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Java's trust manager algorithm. Accepted for the sake of existing files.",
	})}
	SslEndpointIdentificationAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.endpoint.identification.algorithm",
		Type:       String,
		Default:    "https",
		HasDefault: true,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "Whether the other side's certificate must carry its host name: https checks it, an empty value does not.",
	})}
	SslSecureRandomImplementation = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.secure.random.implementation",
		Type:       String,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "Java's source of random numbers. Accepted for the sake of existing files.",
	})}
	SslClientAuth = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.client.auth",
		Type:       String,
		Default:    "none",
		HasDefault: true,
		Validator:  oneOf("required", "requested", "none"),
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Whether clients show a certificate: required insists, requested takes none as well, none never asks.",
	})}
	SslCipherSuites = Key[[]string]{BrokerDef.add(Row{
		Name:       "ssl.cipher.suites",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Cipher suites allowed. Empty, all that the enabled versions offer.",
	})}
	SslPrincipalMappingRules = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.principal.mapping.rules",
		Type:       String,
		Default:    "DEFAULT",
		HasDefault: true,
		Importance: Low,
		Doc:        "Rules that turn the distinguished name of a client's certificate into a user name, tried in order. DEFAULT takes the whole name.",
	})}
	SslEngineFactoryClass = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.engine.factory.class",
		Type:       Class,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "Class that makes TLS engines. Only Kafka's default one is known.",
	})}
	SaslMechanismInterBrokerProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.mechanism.inter.broker.protocol",
		Type:       String,
		Default:    "GSSAPI",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "SASL mechanism between brokers. Must be enabled on the inter-broker listener.",
	})}
	SaslJaasConfig = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.jaas.config",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Login module of a SASL mechanism in JAAS form. For a broker it goes under listener.name.<listener>.<mechanism>. and names exactly one module.",
	})}
	SaslEnabledMechanisms = Key[[]string]{BrokerDef.add(Row{
		Name:       "sasl.enabled.mechanisms",
		Type:       List,
		Default:    "GSSAPI",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "SASL mechanisms that clients may use.",
	})}
	SaslServerCallbackHandlerClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.server.callback.handler.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "Class that checks clients' credentials, given under listener.name.<listener>.<mechanism>.",
	})}
	SaslClientCallbackHandlerClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.client.callback.handler.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "Class that supplies credentials where the broker is a SASL client.",
	})}
	SaslLoginClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.login.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "Class of the SASL login, given under listener.name.<listener>.<mechanism>.",
	})}
	SaslLoginCallbackHandlerClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.login.callback.handler.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "Class that supplies the credentials of the SASL login, given under listener.name.<listener>.<mechanism>.",
	})}
	SaslKerberosServiceName = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.service.name",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Name of the Kerberos principal that the brokers run under.",
	})}
	SaslKerberosKinitCmd = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.kinit.cmd",
		Type:       String,
		Default:    "/usr/bin/kinit",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Path of the kinit command.",
	})}
	SaslKerberosTicketRenewWindowFactor = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.ticket.renew.window.factor",
		Type:       Double,
		Default:    "0.8",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Share of a ticket's life after which it is renewed.",
	})}
	SaslKerberosTicketRenewJitter = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.ticket.renew.jitter",
		Type:       Double,
		Default:    "0.05",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Share of the renewal time that is added at random.",
	})}
	SaslKerberosMinTimeBeforeRelogin = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.min.time.before.relogin",
		Type:       Long,
		Default:    "60000",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Least time between two renewals of a ticket.",
	})}
	SaslKerberosPrincipalToLocalRules = Key[[]string]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.principal.to.local.rules",
		Type:       List,
		Default:    "DEFAULT",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Rules that turn a Kerberos principal into a user name; the first that matches counts. DEFAULT takes the part before the first slash or at sign.",
	})}
	SaslLoginRefreshWindowFactor = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.window.factor",
		Type:       Double,
		Default:    "0.8",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Share of a credential's life after which it is renewed. Used with OAUTHBEARER.",
	})}
	SaslLoginRefreshWindowJitter = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.window.jitter",
		Type:       Double,
		Default:    "0.05",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Share of a credential's life that is added at random to the renewal time. Used with OAUTHBEARER.",
	})}
	SaslLoginRefreshMinPeriodSeconds = Key[int16]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.min.period.seconds",
		Type:       Short,
		Default:    "60",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Least time between two renewals of a credential. Used with OAUTHBEARER.",
	})}
	SaslLoginRefreshBufferSeconds = Key[int16]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.buffer.seconds",
		Type:       Short,
		Default:    "300",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "Time before a credential's end by which it should have been renewed. Used with OAUTHBEARER.",
	})}
	SaslLoginConnectTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "sasl.login.connect.timeout.ms",
		Type:       Int,
		Importance: Low,
		Doc:        "How long a connection to the identity provider may take to open. Used with OAUTHBEARER.",
	})}
	SaslLoginReadTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "sasl.login.read.timeout.ms",
		Type:       Int,
		Importance: Low,
		Doc:        "How long an answer of the identity provider may take. Used with OAUTHBEARER.",
	})}
	SaslLoginRetryBackoffMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.login.retry.backoff.max.ms",
		Type:       Long,
		Default:    "10000",
		HasDefault: true,
		Importance: Low,
		Doc:        "Longest pause between two attempts to log in at the identity provider. Used with OAUTHBEARER.",
	})}
	SaslLoginRetryBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.login.retry.backoff.ms",
		Type:       Long,
		Default:    "100",
		HasDefault: true,
		Importance: Low,
		Doc:        "First pause between two attempts to log in at the identity provider; it doubles up to sasl.login.retry.backoff.max.ms. Used with OAUTHBEARER.",
	})}
	SaslOauthbearerScopeClaimName = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.scope.claim.name",
		Type:       String,
		Default:    "scope",
		HasDefault: true,
		Importance: Low,
		Doc:        "Name of the claim that holds the scope of a token.",
	})}
	SaslOauthbearerSubClaimName = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.sub.claim.name",
		Type:       String,
		Default:    "sub",
		HasDefault: true,
		Importance: Low,
		Doc:        "Name of the claim that holds the subject of a token.",
	})}
	SaslOauthbearerTokenEndpointUrl = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.token.endpoint.url",
		Type:       String,
		Importance: Medium,
		Doc:        "Where tokens are fetched: an https address of the identity provider, or a file with a token.",
	})}
	SaslOauthbearerJwksEndpointUrl = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.url",
		Type:       String,
		Importance: Medium,
		Doc:        "Where the keys that check tokens are found: an https address of the identity provider, read when the broker starts and again from time to time, or a file.",
	})}
	SaslOauthbearerJwksEndpointRefreshMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.refresh.ms",
		Type:       Long,
		Default:    "3600000",
		HasDefault: true,
		Importance: Low,
		Doc:        "Time between two readings of the keys that check tokens.",
	})}
	SaslOauthbearerJwksEndpointRetryBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
		Type:       Long,
		Default:    "100",
		HasDefault: true,
		Importance: Low,
		Doc:        "First pause between two attempts to read the keys; it doubles up to sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms.",
	})}
	SaslOauthbearerJwksEndpointRetryBackoffMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
		Type:       Long,
		Default:    "10000",
		HasDefault: true,
		Importance: Low,
		Doc:        "Longest pause between two attempts to read the keys.",
	})}
	SaslOauthbearerClockSkewSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.clock.skew.seconds",
		Type:       Int,
		Default:    "30",
		HasDefault: true,
		Importance: Low,
		Doc:        "How far the clocks of the identity provider and the broker may differ.",
	})}
	SaslOauthbearerExpectedAudience = Key[[]string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.expected.audience",
		Type:       List,
		Importance: Low,
		Doc:        "Audiences of which a token must name one. Unset, the audience is not checked.",
	})}
	SaslOauthbearerExpectedIssuer = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.expected.issuer",
		Type:       String,
		Importance: Low,
		Doc:        "Issuer that a token must name. Unset, the issuer is not checked.",
	})}
	DelegationTokenMasterKey = Key[string]{BrokerDef.add(Row{
		Name:       "delegation.token.master.key",
		Type:       Password,
		Importance: Medium,
		Doc:        "Old name of delegation.token.secret.key, which comes first. Deprecated.",
	})}
	DelegationTokenSecretKey = Key[string]{BrokerDef.add(Row{
		Name:       "delegation.token.secret.key",
		Type:       Password,
		Importance: Medium,
		Fallbacks:  []string{"delegation.token.master.key"},
		Doc:        "Secret that signs delegation tokens, the same on all brokers. Unset, there are no delegation tokens.",
	})}
	DelegationTokenMaxLifetimeMs = Key[int64]{BrokerDef.add(Row{
		Name:       "delegation.token.max.lifetime.ms",
		Type:       Long,
		Default:    "604800000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "Time after which a delegation token cannot be renewed any more.",
	})}
	DelegationTokenExpiryTimeMs = Key[int64]{BrokerDef.add(Row{
		Name:       "delegation.token.expiry.time.ms",
		Type:       Long,
		Default:    "86400000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "Time for which a delegation token is valid until it is renewed.",
	})}
	DelegationTokenExpiryCheckIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "delegation.token.expiry.check.interval.ms",
		Type:       Long,
		Default:    "3600000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Time between two searches for expired delegation tokens.",
	})}
	PasswordEncoderSecret = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.secret",
		Type:       Password,
		Importance: Medium,
		Doc:        "Secret that encrypts the passwords which are set while the broker runs and kept in ZooKeeper.",
	})}
	PasswordEncoderOldSecret = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.old.secret",
		Type:       Password,
		Importance: Medium,
		Doc:        "Previous password.encoder.secret, given for one start so that stored passwords are encrypted anew.",
	})}
	PasswordEncoderKeyfactoryAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.keyfactory.algorithm",
		Type:       String,
		Importance: Low,
		Doc:        "How the key is derived from password.encoder.secret. Unset, PBKDF2WithHmacSHA512.",
	})}
	PasswordEncoderCipherAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.cipher.algorithm",
		Type:       String,
		Default:    "AES/CBC/PKCS5Padding",
		HasDefault: true,
		Importance: Low,
		Doc:        "Cipher for stored passwords.",
	})}
	PasswordEncoderKeyLength = Key[int]{BrokerDef.add(Row{
		Name:       "password.encoder.key.length",
		Type:       Int,
		Default:    "128",
		HasDefault: true,
		Validator:  atLeast(8),
		Importance: Low,
		Doc:        "Bits of the key for stored passwords.",
	})}
	PasswordEncoderIterations = Key[int]{BrokerDef.add(Row{
		Name:       "password.encoder.iterations",
		Type:       Int,
		Default:    "4096",
		HasDefault: true,
		Validator:  atLeast(1024),
		Importance: Low,
		Doc:        "Rounds of deriving the key for stored passwords.",
	})}
)
