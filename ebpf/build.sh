#!/bin/sh
# Builds flow_cache.o; with --check, builds it aside and fails if the committed object differs.
# Needs clang-14 and llvm-strip-14, which only a change to the C source or CI needs.
set -eu
cd "$(dirname "$0")"
output=flow_cache.o
if [ "${1:-}" = --check ]; then
	output=$(mktemp)
	trap 'rm -f "$output"' EXIT
fi
# The source is named relative to ".", so that no path of this machine gets into the line information of the BTF;
# stripping drops DWARF and keeps BTF, which is what the kernel reads.
clang-14 -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -nostdinc \
	-fdebug-prefix-map="$PWD"=. -fdebug-compilation-dir=. -c flow_cache.c -o "$output"
llvm-strip-14 --strip-debug "$output"
if [ "${1:-}" = --check ]; then
	cmp flow_cache.o "$output" && echo "ebpf/flow_cache.o is what ebpf/flow_cache.c compiles to"
fi
