package config

// Settings of TLS, SASL, authorization and tokens.
var (
	SaslMechanismControllerProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.mechanism.controller.protocol",
		Type:       String,
		Default:    "GSSAPI",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	AuthorizerClassName = Key[string]{BrokerDef.add(Row{
		Name:       "authorizer.class.name",
		Type:       String,
		Default:    "",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SecurityInterBrokerProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "security.inter.broker.protocol",
		Type:       String,
		Default:    "PLAINTEXT",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ConnectionsMaxReauthMs = Key[int64]{BrokerDef.add(Row{
		Name:       "connections.max.reauth.ms",
		Type:       Long,
		Default:    "0",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	SecurityProviders = Key[string]{BrokerDef.add(Row{
		Name:       "security.providers",
		Type:       String,
		Importance: Low,
		Doc:        "",
	})}
	PrincipalBuilderClass = Key[string]{BrokerDef.add(Row{
		Name:       "principal.builder.class",
		Type:       Class,
		Default:    "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.protocol",
		Type:       String,
		Default:    "TLSv1.3 (TLSv1.2 on Java 8)",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslProvider = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.provider",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslEnabledProtocols = Key[[]string]{BrokerDef.add(Row{
		Name:       "ssl.enabled.protocols",
		Type:       List,
		Default:    "TLSv1.2,TLSv1.3 (TLSv1.2 on Java 8)",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslKeystoreType = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.type",
		Type:       String,
		Default:    "JKS",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslKeystoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.location",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslKeystorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.password",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslKeyPassword = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.key.password",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslKeystoreKey = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.key",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslKeystoreCertificateChain = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keystore.certificate.chain",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslTruststoreType = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.type",
		Type:       String,
		Default:    "JKS",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslTruststoreLocation = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.location",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslTruststorePassword = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.password",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslTruststoreCertificates = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.truststore.certificates",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslKeymanagerAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.keymanager.algorithm",
		Type:       String,
		Default:    "SunX509",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslTrustmanagerAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.trustmanager.algorithm",
		Type:       String,
		Default:    "PKIX",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslEndpointIdentificationAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.endpoint.identification.algorithm",
		Type:       String,
		Default:    "https",
		HasDefault: true,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslSecureRandomImplementation = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.secure.random.implementation",
		Type:       String,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslClientAuth = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.client.auth",
		Type:       String,
		Default:    "none",
		HasDefault: true,
		Validator:  oneOf("none", "requested", "required"),
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslCipherSuites = Key[[]string]{BrokerDef.add(Row{
		Name:       "ssl.cipher.suites",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SslPrincipalMappingRules = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.principal.mapping.rules",
		Type:       String,
		Default:    "DEFAULT",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SslEngineFactoryClass = Key[string]{BrokerDef.add(Row{
		Name:       "ssl.engine.factory.class",
		Type:       Class,
		Importance: Low,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslMechanismInterBrokerProtocol = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.mechanism.inter.broker.protocol",
		Type:       String,
		Default:    "GSSAPI",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslJaasConfig = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.jaas.config",
		Type:       Password,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslEnabledMechanisms = Key[[]string]{BrokerDef.add(Row{
		Name:       "sasl.enabled.mechanisms",
		Type:       List,
		Default:    "GSSAPI",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslServerCallbackHandlerClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.server.callback.handler.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "",
	})}
	SaslClientCallbackHandlerClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.client.callback.handler.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "",
	})}
	SaslLoginClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.login.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "",
	})}
	SaslLoginCallbackHandlerClass = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.login.callback.handler.class",
		Type:       Class,
		Importance: Medium,
		Doc:        "",
	})}
	SaslKerberosServiceName = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.service.name",
		Type:       String,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslKerberosKinitCmd = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.kinit.cmd",
		Type:       String,
		Default:    "/usr/bin/kinit",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslKerberosTicketRenewWindowFactor = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.ticket.renew.window.factor",
		Type:       Double,
		Default:    "0.8",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslKerberosTicketRenewJitter = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.ticket.renew.jitter",
		Type:       Double,
		Default:    "0.05",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslKerberosMinTimeBeforeRelogin = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.min.time.before.relogin",
		Type:       Long,
		Default:    "60000",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslKerberosPrincipalToLocalRules = Key[[]string]{BrokerDef.add(Row{
		Name:       "sasl.kerberos.principal.to.local.rules",
		Type:       List,
		Default:    "DEFAULT",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslLoginRefreshWindowFactor = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.window.factor",
		Type:       Double,
		Default:    "0.8",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslLoginRefreshWindowJitter = Key[float64]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.window.jitter",
		Type:       Double,
		Default:    "0.05",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslLoginRefreshMinPeriodSeconds = Key[int16]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.min.period.seconds",
		Type:       Short,
		Default:    "60",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslLoginRefreshBufferSeconds = Key[int16]{BrokerDef.add(Row{
		Name:       "sasl.login.refresh.buffer.seconds",
		Type:       Short,
		Default:    "300",
		HasDefault: true,
		Importance: Medium,
		Scope:      PerBroker,
		Doc:        "",
	})}
	SaslLoginConnectTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "sasl.login.connect.timeout.ms",
		Type:       Int,
		Importance: Low,
		Doc:        "",
	})}
	SaslLoginReadTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "sasl.login.read.timeout.ms",
		Type:       Int,
		Importance: Low,
		Doc:        "",
	})}
	SaslLoginRetryBackoffMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.login.retry.backoff.max.ms",
		Type:       Long,
		Default:    "10000",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslLoginRetryBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.login.retry.backoff.ms",
		Type:       Long,
		Default:    "100",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerScopeClaimName = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.scope.claim.name",
		Type:       String,
		Default:    "scope",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerSubClaimName = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.sub.claim.name",
		Type:       String,
		Default:    "sub",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerTokenEndpointUrl = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.token.endpoint.url",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	SaslOauthbearerJwksEndpointUrl = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.url",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	SaslOauthbearerJwksEndpointRefreshMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.refresh.ms",
		Type:       Long,
		Default:    "3600000",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerJwksEndpointRetryBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
		Type:       Long,
		Default:    "100",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerJwksEndpointRetryBackoffMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
		Type:       Long,
		Default:    "10000",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerClockSkewSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.clock.skew.seconds",
		Type:       Int,
		Default:    "30",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerExpectedAudience = Key[[]string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.expected.audience",
		Type:       List,
		Importance: Low,
		Doc:        "",
	})}
	SaslOauthbearerExpectedIssuer = Key[string]{BrokerDef.add(Row{
		Name:       "sasl.oauthbearer.expected.issuer",
		Type:       String,
		Importance: Low,
		Doc:        "",
	})}
	DelegationTokenMasterKey = Key[string]{BrokerDef.add(Row{
		Name:       "delegation.token.master.key",
		Type:       Password,
		Importance: Medium,
		Doc:        "",
	})}
	DelegationTokenSecretKey = Key[string]{BrokerDef.add(Row{
		Name:       "delegation.token.secret.key",
		Type:       Password,
		Importance: Medium,
		Fallbacks:  []string{"delegation.token.master.key"},
		Doc:        "",
	})}
	DelegationTokenMaxLifetimeMs = Key[int64]{BrokerDef.add(Row{
		Name:       "delegation.token.max.lifetime.ms",
		Type:       Long,
		Default:    "604800000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "",
	})}
	DelegationTokenExpiryTimeMs = Key[int64]{BrokerDef.add(Row{
		Name:       "delegation.token.expiry.time.ms",
		Type:       Long,
		Default:    "86400000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "",
	})}
	DelegationTokenExpiryCheckIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "delegation.token.expiry.check.interval.ms",
		Type:       Long,
		Default:    "3600000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	PasswordEncoderSecret = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.secret",
		Type:       Password,
		Importance: Medium,
		Doc:        "",
	})}
	PasswordEncoderOldSecret = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.old.secret",
		Type:       Password,
		Importance: Medium,
		Doc:        "",
	})}
	PasswordEncoderKeyfactoryAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.keyfactory.algorithm",
		Type:       String,
		Importance: Low,
		Doc:        "",
	})}
	PasswordEncoderCipherAlgorithm = Key[string]{BrokerDef.add(Row{
		Name:       "password.encoder.cipher.algorithm",
		Type:       String,
		Default:    "AES/CBC/PKCS5Padding",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	PasswordEncoderKeyLength = Key[int]{BrokerDef.add(Row{
		Name:       "password.encoder.key.length",
		Type:       Int,
		Default:    "128",
		HasDefault: true,
		Validator:  atLeast(8),
		Importance: Low,
		Doc:        "",
	})}
	PasswordEncoderIterations = Key[int]{BrokerDef.add(Row{
		Name:       "password.encoder.iterations",
		Type:       Int,
		Default:    "4096",
		HasDefault: true,
		Validator:  atLeast(1024),
		Importance: Low,
		Doc:        "",
	})}
)
