module regsweep.dev/tests/bench/sleep-trainer

go 1.25.0
