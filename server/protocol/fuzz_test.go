package protocol

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func servingAll() *APITable {
	var keys []int16
	for _, api := range apis {
		keys = append(keys, api.Key)
	}
	return NewAPITable(keys...)
}

// filled returns a request of the version with something in every field.
func filled(key, version int16) kmsg.Request {
	request := kmsg.RequestForKey(key)
	request.SetVersion(version)
	fill(reflect.ValueOf(request).Elem(), 0)
	request.SetVersion(version)
	return request
}

func fill(value reflect.Value, depth int) {
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			field := value.Field(i)
			if field.CanSet() && value.Type().Field(i).Name != "UnknownTags" {
				fill(field, depth+1)
			}
		}
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			value.SetBytes([]byte("bytes"))
			return
		}
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		for i := range 2 {
			fill(value.Index(i), depth+1)
		}
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem(), depth)
	case reflect.String:
		value.SetString("text")
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		value.SetInt(3)
	case reflect.Bool:
		value.SetBool(true)
	}
}

func encode(request kmsg.Request) []byte {
	if request.Key() == KeyControlledShutdown && request.GetVersion() == 0 {
		// kmsg's formatter leaves the body out of this one.
		return request.AppendTo([]byte{0, 7, 0, 0, 0, 0, 0, 5})
	}
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, request, 5)[4:]
}

// TestLayoutsAgreeWithKmsg: every request of every version is walked to its
// last byte, and cut anywhere it is found to be malformed, as kmsg finds it.
func TestLayoutsAgreeWithKmsg(t *testing.T) {
	decoder := RequestDecoder{APIs: servingAll()}
	for _, api := range apis {
		for version := api.MinVersion; version <= api.MaxVersion; version++ {
			frame := encode(filled(api.Key, version))
			request, err := decoder.Inspect(frame)
			if err != nil {
				t.Errorf("%s version %d: %v", api.Name, version, err)
				continue
			}
			if _, err := request.Decode(); err != nil {
				t.Errorf("%s version %d: %v", api.Name, version, err)
			}
			for cut := range len(frame) {
				short, err := decoder.Inspect(frame[:cut])
				if err == nil {
					_, err = short.Decode()
					t.Errorf("%s version %d: %d of %d bytes are accepted (kmsg: %v)", api.Name, version, cut, len(frame), err)
					break
				}
			}
		}
	}
}

// TestResponseLayoutsAgreeWithKmsg is the same for responses.
func TestResponseLayoutsAgreeWithKmsg(t *testing.T) {
	for key := range responseLayouts {
		api, _ := APIForKey(key)
		for version := api.MinVersion; version <= api.MaxVersion; version++ {
			response := kmsg.ResponseForKey(key)
			fill(reflect.ValueOf(response).Elem(), 0)
			response.SetVersion(version)
			body := response.AppendTo(nil)
			if err := CheckResponse(key, version, body); err != nil {
				t.Errorf("%s version %d: %v", api.Name, version, err)
			}
			for cut := range len(body) {
				if CheckResponse(key, version, body[:cut]) == nil {
					t.Errorf("%s version %d: %d of %d bytes are accepted", api.Name, version, cut, len(body))
					break
				}
			}
		}
	}
}

// FuzzDecodeRequest: whatever Inspect accepts kmsg decodes, within the memory
// that was announced, and no bytes are held that are not marked.
func FuzzDecodeRequest(f *testing.F) {
	for _, api := range apis {
		for version := api.MinVersion; version <= api.MaxVersion; version++ {
			f.Add(encode(filled(api.Key, version)))
		}
	}
	f.Add([]byte{0, 3, 0, 12, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
	table := servingAll()
	f.Fuzz(func(t *testing.T, frame []byte) {
		decoder := RequestDecoder{APIs: table}
		request, err := decoder.Inspect(frame)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupportedVersion) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if request.Memory > 200*len(frame) {
			t.Fatalf("%d bytes take %d in memory", len(frame), request.Memory)
		}
		decoded, err := request.Decode()
		if err != nil {
			return // kmsg is stricter about fields that later versions have tagged
		}
		decoded.AppendTo(nil)
	})
}

func FuzzCheckResponse(f *testing.F) {
	for key := range responseLayouts {
		api, _ := APIForKey(key)
		response := kmsg.ResponseForKey(key)
		fill(reflect.ValueOf(response).Elem(), 0)
		response.SetVersion(api.MaxVersion)
		f.Add(key, api.MaxVersion, response.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		if CheckResponse(key, version, body) != nil {
			return
		}
		response := kmsg.ResponseForKey(key)
		response.SetVersion(version)
		if response.ReadFrom(body) == nil {
			response.AppendTo(nil)
		}
	})
}

func TestMemoryOfArraysIsAnnounced(t *testing.T) {
	const topics = 1000
	body := binary.BigEndian.AppendUint32(nil, topics)
	for range topics {
		body = append(body, 0, 1, 'a')
	}
	frame := append([]byte{0, 3, 0, 1, 0, 0, 0, 0, 0xff, 0xff}, body...)
	decoder := RequestDecoder{APIs: servingAll()}
	request, err := decoder.Inspect(frame)
	if err != nil {
		t.Fatal(err)
	}
	if least := topics * int(reflect.TypeFor[kmsg.MetadataRequestTopic]().Size()); request.Memory < least {
		t.Errorf("%d bytes are announced, the topics alone take %d", request.Memory, least)
	}
}

func produceFrame(partitions, recordBytes int) []byte {
	request := kmsg.NewPtrProduceRequest()
	request.SetVersion(9)
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "events"
	for i := range partitions {
		partition := kmsg.NewProduceRequestTopicPartition()
		partition.Partition = int32(i)
		partition.Records = make([]byte, recordBytes)
		topic.Partitions = append(topic.Partitions, partition)
	}
	request.Topics = append(request.Topics, topic)
	return encode(request)
}

func BenchmarkInspectProduce(b *testing.B) {
	benchmarkInspect(b, produceFrame(1, 1<<20))
}

func BenchmarkDecodeProduce(b *testing.B) {
	benchmarkDecode(b, produceFrame(1, 1<<20))
}

func BenchmarkDecodeFetchOf1000Partitions(b *testing.B) {
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(13)
	for range 10 {
		topic := kmsg.NewFetchRequestTopic()
		topic.Partitions = make([]kmsg.FetchRequestTopicPartition, 100)
		fetch.Topics = append(fetch.Topics, topic)
	}
	benchmarkDecode(b, encode(fetch))
}

func benchmarkInspect(b *testing.B, frame []byte) {
	decoder := RequestDecoder{APIs: servingAll()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decoder.Inspect(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkDecode(b *testing.B, frame []byte) {
	decoder := RequestDecoder{APIs: servingAll()}
	b.ReportAllocs()
	for b.Loop() {
		request, err := decoder.Inspect(frame)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := request.Decode(); err != nil {
			b.Fatal(err)
		}
	}
}
