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
		Doc:        "",
	})}
	ReplicationQuotaWindowNum = Key[int]{BrokerDef.add(Row{
		Name:       "replication.quota.window.num",
		Type:       Int,
		Default:    "11",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	AlterLogDirsReplicationQuotaWindowNum = Key[int]{BrokerDef.add(Row{
		Name:       "alter.log.dirs.replication.quota.window.num",
		Type:       Int,
		Default:    "11",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	ControllerQuotaWindowNum = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quota.window.num",
		Type:       Int,
		Default:    "11",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	QuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	ReplicationQuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "replication.quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	AlterLogDirsReplicationQuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "alter.log.dirs.replication.quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	ControllerQuotaWindowSizeSeconds = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quota.window.size.seconds",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	ClientQuotaCallbackClass = Key[string]{BrokerDef.add(Row{
		Name:       "client.quota.callback.class",
		Type:       Class,
		Importance: Low,
		Doc:        "",
	})}
)
