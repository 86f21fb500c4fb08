package config

// Settings of quotas.
var (
	QuotaWindowNum = Key[int]{BrokerDef.add(Row{
		Name:       "quota.window.num",
		Type:       Int,
		Default:    "11",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Samples from which a client's use of its quota is computed.",
	})}
	ReplicationQuotaWindowNum = Key[int]{BrokerDef.add(Row{
		Name:       "replication.quota.window.num",
		Type:       Int,
		Default:    "11",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Samples from which the use of a replication quota is computed.",
	})}
	AlterLogDirsReplicationQuotaWindowNum = Key[int]{BrokerDef.add(Row{
		Name:       "alter.log.dirs.replication.quota.window.num",
		Type:       Int,
		Default:    "11",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Samples from which the rate of moves between log directories is computed.",
	})}
	ControllerQuotaWindowNum = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quota.window.num",
		Type:       Int,
		Default:    "11",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Samples from which a client's rate of topic changes is computed.",
	})}
	QuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Length of one sample of a client's quota.",
	})}
	ReplicationQuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "replication.quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Length of one sample of a replication quota.",
	})}
	AlterLogDirsReplicationQuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "alter.log.dirs.replication.quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Length of one sample of the rate of moves between log directories.",
	})}
	ControllerQuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Length of one sample of a client's rate of topic changes.",
	})}
	ClientQuotaCallbackClass = Key[string]{BrokerDef.add(Row{
		Name:       "client.quota.callback.class",
		Type:       Class,
		Importance: Low,
		Doc:        "Class of Kafka's ClientQuotaCallback interface that computes quotas. No such class is built in; quotas by user and client id apply.",
	})}
)
