// Package clients runs client libraries of others against Gregor and against
// Apache Kafka 3.1.0 and demands the same of both.
//
// # A client's program
//
// Each client has a program in a folder of its language, called as
//
//	program <bootstrap> <zookeeper> <prefix> main|resume
//
// with both addresses as host:port. It creates topics and groups under its prefix
// ("<prefix>-created"), tries what its library can do and prints one line for each
// ability on its standard output, in any order:
//
//	PASS name: what it saw
//	PASS name                   (when there is nothing to see)
//	FAIL name: why
//	NONE name                   (not in that client)
//
// Standard error is shown when something fails, and is otherwise ignored. The exit
// code is 0 once every line is printed, failures included. The names are those of
// abilities_test.go, and each program prints all of them in the phase main but
// restart-resume, which is all that the phase resume prints; a name that is left out
// counts as a failure. Both brokers are restarted between the two phases. A program
// may start itself with other arguments, for a group's member that crashes.
//
// What a program saw is compared between the two brokers word for word, so it holds
// neither times, ports nor ids; offsets, partitions and the names or texts of errors
// are welcome, with the prefix taken out. Both brokers run with broker.id 0,
// auto.create.topics.enable=false, group.min.session.timeout.ms=100,
// group.initial.rebalance.delay.ms=0, one broker only, and log.retention.hours=1000000
// (retention.ms 3600000000000), since records with timestamps of 2020 would be gone
// half a minute after a start.
//
// Abilities run at the same time where the client allows it (six at a time), wait at
// most 40 seconds each, and a program takes at most three minutes, twenty seconds
// when all is well. What they do is python/abilities.py's to say and is the same in
// every language; admin-* are calls of the library's admin client.
//
// # Installing
//
// install.sh fetches and builds a client outside the checkout and prints its folder.
// Versions are pinned. The folders node/ and rust/ have an install.sh of their own,
// called by it as
//
//	node/install.sh kafkajs|confluent-javascript <target>
//	rust/install.sh <target>
//
// when the target is empty or a file of that folder has changed; they put the client
// into the target and write nothing into the checkout. Programs are then run as
//
//	NODE_PATH=<target>/node_modules node node/kafkajs_peer.js ...
//	NODE_PATH=<target>/node_modules node node/confluent_peer.js ...
//	<target>/rdkafka_peer ...
//
// The outcome of the whole matrix is ../RESULTS.md.
package clients
