#!/bin/bash
# Fuzzes extension/core with libFuzzer under ASan and UBSan, for SECONDS seconds.
# Needs clang-14 and libclang-rt-14-dev. Not part of `make test`.
#
#   tests/fuzz/run.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
mkdir -p build/fuzz/corpus
clang-14 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -Iextension/core -o build/fuzz/core tests/fuzz/fuzz_core.c extension/core/*.c
exec build/fuzz/core -max_total_time="$seconds" -dict=tests/fuzz/fuzz_core.dict build/fuzz/corpus
