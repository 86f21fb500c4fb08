package config

// Settings of transactions.
var (
	TransactionalIdExpirationMs = Key[int]{BrokerDef.add(Row{
		Name:       "transactional.id.expiration.ms",
		Type:       Int,
		Default:    "604800000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	TransactionMaxTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.max.timeout.ms",
		Type:       Int,
		Default:    "900000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	TransactionStateLogMinIsr = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.min.isr",
		Type:       Int,
		Default:    "2",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	TransactionStateLogLoadBufferSize = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.load.buffer.size",
		Type:       Int,
		Default:    "5242880",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	TransactionStateLogReplicationFactor = Key[int16]{BrokerDef.add(Row{
		Name:       "transaction.state.log.replication.factor",
		Type:       Short,
		Default:    "3",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	TransactionStateLogNumPartitions = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.num.partitions",
		Type:       Int,
		Default:    "50",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	TransactionStateLogSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.state.log.segment.bytes",
		Type:       Int,
		Default:    "104857600",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	TransactionAbortTimedOutTransactionCleanupIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.abort.timed.out.transaction.cleanup.interval.ms",
		Type:       Int,
		Default:    "10000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	TransactionRemoveExpiredTransactionCleanupIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "transaction.remove.expired.transaction.cleanup.interval.ms",
		Type:       Int,
		Default:    "3600000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
)
