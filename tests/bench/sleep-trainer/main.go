// Sleep-trainer keeps the contract with a training container (docs/trainer-contract.md) without training anything:
// benchmarks measure the operator with it, and tests provoke faults with it.
//
// It reads these keys of REGSWEEP_FLAGS, ignores every other one, and writes one record per replicate it was asked for:
//
//	seconds       how long to sleep before the record is written (default 1)
//	exit_code     with what to exit afterwards (default 0)
//	message       raw text to write instead of the record
//	nan           true: every replicate diverged
//	memory_bytes  how much memory to touch before sleeping: more than the container's limit has it OOM-killed
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

type knobs struct {
	Seconds     *float64 `json:"seconds"`
	ExitCode    int      `json:"exit_code"`
	Message     *string  `json:"message"`
	NaN         bool     `json:"nan"`
	MemoryBytes int      `json:"memory_bytes"`
}

type message struct {
	Version int       `json:"version"`
	Backend string    `json:"backend"`
	Device  string    `json:"device"`
	Columns []string  `json:"columns"`
	Records [][]any   `json:"records"`
	Error   *whyNoRun `json:"error,omitempty"`
}

type whyNoRun struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// exitInvalidFlags is the contract's code for a mistake that every pod of the Job would make alike.
const exitInvalidFlags = 64

func main() {
	flags := environment("REGSWEEP_FLAGS", "{}")
	told := message{Version: 1, Backend: "sleep", Device: "cpu", Records: [][]any{},
		Columns: []string{"train_average_loss", "val_average_loss"}}
	var asked knobs
	if err := json.Unmarshal([]byte(flags), &asked); err != nil {
		told.Error = &whyNoRun{"InvalidFlags", err.Error()}
		write(encode(told))
		os.Exit(exitInvalidFlags)
	}

	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	ballast := allocate(asked.MemoryBytes)
	seconds := 1.0
	if asked.Seconds != nil {
		seconds = *asked.Seconds
	}
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
	case <-terminated:
		write(encode(told))
		os.Exit(128 + int(syscall.SIGTERM))
	}

	if asked.Message != nil {
		write([]byte(*asked.Message))
	} else {
		first, last := replicates()
		for replicate := first; replicate <= last; replicate++ {
			told.Records = append(told.Records, record(flags, replicate, asked.NaN))
		}
		write(encode(told))
	}
	_ = len(ballast)
	os.Exit(asked.ExitCode)
}

// replicates is the inclusive range that this pod trains: none when the last is before the first.
func replicates() (int, int) {
	each := number("REGSWEEP_REPLICATES", 1)
	start := number("REGSWEEP_FIRST_REPLICATE", 0)
	first := start + number("JOB_COMPLETION_INDEX", 0)*each
	return first, min(first+each-1, number("REGSWEEP_LAST_REPLICATE", math.MaxInt))
}

// record holds numbers that follow from the flags and the replicate alone, so that two runs of one bench rank alike.
func record(flags string, replicate int, diverged bool) []any {
	if diverged {
		return []any{replicate, "Diverged", 1, []any{nil, nil}, nil}
	}
	digest := sha256.Sum256([]byte(flags))
	share := float64(binary.BigEndian.Uint32(digest[:4])) / math.MaxUint32
	val := math.Round((0.2+share/2+float64(replicate)/1000)*1e6) / 1e6
	train := math.Round(val/2*1e6) / 1e6
	return []any{replicate, "Ok", 1, []any{train, val}, []any{1, train, val}}
}

func allocate(bytes int) []byte {
	ballast := make([]byte, bytes)
	for at := 0; at < len(ballast); at += os.Getpagesize() {
		ballast[at] = 1
	}
	return ballast
}

func encode(told message) []byte {
	encoded, err := json.Marshal(told)
	if err != nil {
		panic(err)
	}
	return encoded
}

func write(content []byte) {
	if err := os.WriteFile(environment("REGSWEEP_TERMINATION_LOG", "/dev/termination-log"), content, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "cannot write the termination message:", err)
		os.Exit(1)
	}
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func number(name string, otherwise int) int {
	value, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return otherwise
	}
	return value
}
