package network

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

func frameOf(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func headerBytes(key, version int16, rest ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 1) // correlation id
	b = append(b, 0xff, 0xff) // null client id
	return append(b, rest...)
}

// TestClosesOnBadFrames: each of these closes its connection with one log
// line, and a connection beside it notices nothing.
func TestClosesOnBadFrames(t *testing.T) {
	for name, test := range map[string]struct {
		bytes []byte
		log   string
	}{
		"length -1":           {[]byte{0xff, 0xff, 0xff, 0xff}, "Invalid receive (size = -1)"},
		"length 2^31-1":       {[]byte{0x7f, 0xff, 0xff, 0xff}, "Invalid receive (size = 2147483647 larger than 104857600)"},
		"length 0":            {[]byte{0, 0, 0, 0}, "Closing socket for"},
		"a short header":      {frameOf([]byte{0, 0}), "Closing socket for"},
		"unknown api key":     {frameOf(headerBytes(999, 0)), "unknown api key 999"},
		"negative api key":    {frameOf(headerBytes(-1, 0)), "unknown api key -1"},
		"api not served":      {frameOf(headerBytes(52, 0)), "unknown api key 52"},
		"unsupported version": {frameOf(headerBytes(protocol.KeyMetadata, 13, 0)), "unsupported version: Metadata version 13"},
		"negative version":    {frameOf(headerBytes(protocol.KeyMetadata, -1)), "unsupported version"},
		"truncated body":      {frameOf(headerBytes(protocol.KeyMetadata, 1, 0, 0)), "malformed request: Metadata"},
		"array of 2^31-1":     {frameOf(headerBytes(protocol.KeyMetadata, 1, 0x7f, 0xff, 0xff, 0xff)), "malformed request: Metadata"},
		"tags without end": {frameOf(headerBytes(protocol.KeyMetadata, 12, 0, // header tags
			1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f)), "malformed request: Metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			server, hook := startLogged(t, echo)
			neighbour := dial(t, server)
			hostile := dial(t, server)
			hostile.bytes(test.bytes)
			hostile.expectClosed()
			neighbour.request(1, apiVersions())
			neighbour.expectCorrelation(1)
			entries := warnings(hook)
			if len(entries) != 1 || !strings.Contains(entries[0], test.log) {
				t.Errorf("logged %q, want one line with %q", entries, test.log)
			}
		})
	}
}

func warnings(hook *logtest.Hook) []string {
	var messages []string
	for _, entry := range hook.AllEntries() {
		if entry.Level <= logrus.WarnLevel {
			messages = append(messages, entry.Message)
		}
	}
	return messages
}

func TestRandomFramesHarmNobody(t *testing.T) {
	server, _ := startLogged(t, echo)
	neighbour := dial(t, server)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		body := make([]byte, random.IntN(200))
		for j := range body {
			body[j] = byte(random.Uint32())
		}
		if len(body) > 4 {
			binary.BigEndian.PutUint16(body, uint16(random.IntN(70)))
			binary.BigEndian.PutUint16(body[2:], uint16(random.IntN(4)))
		}
		hostile := dial(t, server)
		hostile.bytes(frameOf(body))
		hostile.Close()
		if i%50 == 0 {
			neighbour.request(int32(i), apiVersions())
			neighbour.expectCorrelation(int32(i))
		}
	}
	neighbour.request(7, apiVersions())
	neighbour.expectCorrelation(7)
}

// TestAnnouncedLengthTakesNoMemory: connections that announce the greatest
// frame and send a little of it take memory for that little.
func TestAnnouncedLengthTakesNoMemory(t *testing.T) {
	server := start(t, echo)
	const connections = 50
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	clients := make([]*client, connections)
	for i := range clients {
		clients[i] = dial(t, server)
		clients[i].bytes(append(binary.BigEndian.AppendUint32(nil, 104857600), make([]byte, 1000)...))
	}
	// Each is known to have been read when a connection opened later is served.
	last := dial(t, server)
	last.request(1, apiVersions())
	last.expectCorrelation(1)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > connections*128<<10 {
		t.Errorf("%d connections that announce 100 MiB took %d bytes", connections, grown)
	}
}

func TestAnswersUnknownApiVersionsVersion(t *testing.T) {
	for _, version := range []int16{4, 99, -1} {
		server := start(t, echo)
		client := dial(t, server)
		client.bytes(frameOf(headerBytes(protocol.KeyApiVersions, version, 0, 1, 2, 3)))
		response := kmsg.NewPtrApiVersionsResponse()
		if err := response.ReadFrom(client.expectCorrelation(1)); err != nil {
			t.Fatal(err)
		}
		if response.ErrorCode != 35 || len(response.ApiKeys) != 1 || response.ApiKeys[0].ApiKey != 18 ||
			response.ApiKeys[0].MinVersion != 0 || response.ApiKeys[0].MaxVersion != 3 {
			t.Errorf("version %d: got %+v", version, response)
		}
		client.request(2, apiVersions()) // the client tries again with a version it was told
		client.expectCorrelation(2)
	}
}

// TestRefusesRequestsThatDecodeToTooMuch: few bytes an element become many in
// memory.
func TestRefusesRequestsThatDecodeToTooMuch(t *testing.T) {
	server, hook := startLogged(t, echo)
	const topics = 10 << 20
	body := headerBytes(protocol.KeyMetadata, 9, 0) // a flexible version: null topic names are not allowed
	body = binary.AppendUvarint(body, topics+1)
	for range topics {
		body = append(body, 1, 0) // an empty name and no tags
	}
	body = append(body, 0, 0, 0, 0)
	client := dial(t, server)
	client.SetDeadline(time.Now().Add(60 * time.Second))
	go client.Write(frameOf(body))
	client.expectClosed()
	if entries := warnings(hook); len(entries) != 1 || !strings.Contains(entries[0], "bytes of memory") {
		t.Errorf("logged %q", entries)
	}
}
