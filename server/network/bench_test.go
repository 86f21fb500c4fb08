package network

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// endless repeats one frame for ever.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.frame[e.at:])
	e.at = (e.at + n) % len(e.frame)
	return n, nil
}

func benchmarkFrames(b *testing.B, size int) {
	frames := frameReader{source: &endless{frame: frameOf(make([]byte, size))}, maxBytes: 100 << 20, givenUp: func() bool { return false }}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		frame, err := frames.next()
		if err != nil {
			b.Fatal(err)
		}
		frame.release()
	}
}

func BenchmarkFrame100B(b *testing.B) { benchmarkFrames(b, 100) }
func BenchmarkFrame10KB(b *testing.B) { benchmarkFrames(b, 10<<10) }
func BenchmarkFrame1MB(b *testing.B)  { benchmarkFrames(b, 1<<20) }

// BenchmarkRequest is one small request and its response, one at a time.
func BenchmarkRequest(b *testing.B) {
	client := dial(b, start(b, echo))
	client.SetDeadline(time.Time{})
	frame := client.formatter.AppendRequest(nil, apiVersions(), 1)
	b.ReportAllocs()
	for b.Loop() {
		client.bytes(frame)
		client.frame()
	}
}

// BenchmarkPipelinedProduce is 1 MB produce requests, five in flight.
func BenchmarkPipelinedProduce(b *testing.B) {
	client := dial(b, start(b, echo))
	client.SetDeadline(time.Time{})
	request := produce(1)
	request.Topics[0].Partitions[0].Records = make([]byte, 1<<20)
	frame := client.formatter.AppendRequest(nil, request, 1)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	inFlight := 0
	for b.Loop() {
		client.bytes(frame)
		if inFlight++; inFlight == 5 {
			client.frame()
			inFlight--
		}
	}
}

func TestFrameReader(t *testing.T) {
	sizes := []int{0, 1, 1000, readAheadSize, readAheadSize + 1, firstBuffer, firstBuffer + 1, 300_000, 5 << 20, 10, 2 << 20}
	var stream []byte
	for i, size := range sizes {
		stream = append(stream, frameOf(bytes.Repeat([]byte{byte(i)}, size))...)
	}
	for _, piece := range []int{1, 7, 4096, len(stream)} {
		frames := frameReader{source: &inPieces{stream, piece}, maxBytes: 10 << 20, givenUp: func() bool { return false }}
		for i, size := range sizes {
			frame, err := frames.next()
			if err != nil {
				t.Fatalf("frame %d in pieces of %d: %v", i, piece, err)
			}
			if !bytes.Equal(frame.bytes, bytes.Repeat([]byte{byte(i)}, size)) {
				t.Fatalf("frame %d in pieces of %d differs", i, piece)
			}
			frame.release()
		}
		if _, err := frames.next(); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
	}
	for cut := 1; cut < 20; cut++ {
		frames := frameReader{source: &inPieces{frameOf(make([]byte, 16))[:cut], 3}, maxBytes: 100, givenUp: func() bool { return false }}
		if _, err := frames.next(); err != io.ErrUnexpectedEOF {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
	}
}

// inPieces gives bytes a few at a time.
type inPieces struct {
	left  []byte
	piece int
}

func (r *inPieces) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.left[:min(r.piece, len(r.left))])
	r.left = r.left[n:]
	return n, nil
}

func FuzzFrames(f *testing.F) {
	f.Add(frameOf([]byte("one")), uint8(3))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint8(1))
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 1, 2}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		frames := frameReader{source: &inPieces{stream, max(1, int(piece))}, maxBytes: 1 << 20, givenUp: func() bool { return false }}
		total := 0
		for {
			frame, err := frames.next()
			if err != nil {
				return
			}
			if total += 4 + len(frame.bytes); total > len(stream) {
				t.Fatalf("%d bytes of frames from %d bytes", total, len(stream))
			}
			frame.release()
		}
	})
}
