//go:build peers

package protocol

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// difference is something that Gregor answers otherwise on purpose.
type difference struct {
	// subject is an API's name, "" for all.
	subject string
	// field matches the label of the request and the path of the field, and what Kafka
	// and Gregor say: "label: path: Kafka this, Gregor that".
	field  *regexp.Regexp
	reason string
}

// differences is the whole list.
var differences = []difference{
	{"", regexp.MustCompile(`\.Documentation: Kafka [^,]`), "Gregor describes its settings in its own words"},
	{"DescribeConfigs", regexp.MustCompile(`^the broker: Resources\[BROKER 0\]\.Configs\.length: Kafka 263 with \["metadata\.log\.segment\.min\.bytes"( "remote\.log\.[a-z.]+"){16}\], Gregor 246$`),
		"settings of KRaft and of tiered storage, which do nothing in 3.1.0"},
	{"Produce", regexp.MustCompile(`^what is in the log: .*RecordBatches\[4\]\.records: Kafka "[^"]*x04\S*k\S*v`),
		"uncompressed records that a client numbers with holes are numbered anew; Kafka does so with compressed ones only"},
	{"ApiVersions", regexp.MustCompile(`^tags of an endless number: `), "announced numbers are checked against the bytes that came"},
	{"Fetch", regexp.MustCompile(`^woken by deletion: .*AbortedTransactions`), "the deletion may come before the fetch that it is to wake"},
	{"Fetch", regexp.MustCompile(`^woken by a record: .*\.(HighWatermark|LastStableOffset): Kafka 0, Gregor 1$`),
		"Kafka may note the high watermark just before the append that wakes the fetch"},
	{"Fetch", regexp.MustCompile(`^as (an unknown replica|the leader itself): `),
		"a broker that is not a replica is told to ask again (KAFKA-14078), not that there is nothing to fetch"},
	{"DescribeConfigs", regexp.MustCompile(`^a logger: .*\.Value: Kafka INFO, Gregor WARN$`), "tests in one process log less"},
	{"DescribeConfigs", regexp.MustCompile(`zookeeper\.connect\S*Value: Kafka 127`), "each broker has a ZooKeeper of its own"},
}

// notServed are the APIs of Kafka 3.1.0 that Gregor does not have, with the reason.
// A request for one closes the connection, and ApiVersions leaves it out.
var notServed = map[kmsg.Key]string{
	kmsg.SASLHandshake: sasl, kmsg.SASLAuthenticate: sasl,
	kmsg.AddPartitionsToTxn: transactions, kmsg.AddOffsetsToTxn: transactions, kmsg.EndTxn: transactions, kmsg.WriteTxnMarkers: transactions,
	kmsg.TxnOffsetCommit: transactions, kmsg.DescribeTransactions: transactions, kmsg.ListTransactions: transactions,
	kmsg.DescribeACLs: acls, kmsg.CreateACLs: acls, kmsg.DeleteACLs: acls,
	kmsg.CreateDelegationToken: tokens, kmsg.RenewDelegationToken: tokens, kmsg.ExpireDelegationToken: tokens, kmsg.DescribeDelegationToken: tokens,
	kmsg.DescribeClientQuotas: quotas, kmsg.AlterClientQuotas: quotas,
	kmsg.DescribeUserSCRAMCredentials: sasl, kmsg.AlterUserSCRAMCredentials: sasl,
}

const (
	sasl         = "authentication is not there yet"
	transactions = "transactions are not there yet"
	acls         = "authorization is not there yet"
	tokens       = "delegation tokens are not there yet"
	quotas       = "quotas of clients cannot be set over the protocol yet"
)

func allowed(subject kmsg.Key, _ int16, m mismatch) bool {
	for _, d := range differences {
		if (d.subject == "" || d.subject == subject.Name()) && d.field.MatchString(m.String()) {
			return true
		}
	}
	return false
}
