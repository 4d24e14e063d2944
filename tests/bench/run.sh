#!/usr/bin/env bash
# Measures llmg beside nginx and a minimal proxy with a gateway benchmark of the form
# `bench.sh ROUNDS OUT.jsonl NAME...` that finds a gateway by the shell functions and variables NAME_start, NAME_port, …
#
#   BENCH=<folder with bench.sh> MOCK=<its mock_upstream binary> LLMG_BIN=<llmg, profile dist> tests/bench/run.sh [NAME...]
#
# ROUNDS (2), SECS per phase (3) and WORK (a scratch folder) may be set. Names of ours: llmg (`llmg gateway`),
# llmgup (`llmg up`, metering in the same process). Everything is on that a stranger gets: key check, rights, holds against
# credits, the event log, cost in the answer, metrics.
set -eu
: "${BENCH:?the folder of bench.sh}" "${MOCK:?the mock_upstream binary}" "${LLMG_BIN:?the llmg binary}"
: "${ROUNDS:=2}" "${SECS:=3}" "${WORK:=$(mktemp -d)}"
mkdir -p "$WORK"
export WORK MOCK SECS LLMG_BIN
export UPSTREAM_PORT="${UPSTREAM_PORT:-9100}"

# A catalog of four models at the mock's address, priced, and an organization with credit enough for any number of calls.
llmg_prepare() {
  local d=$1 m
  rm -rf "$d"; mkdir -p "$d"
  for m in mock-d0-g0 mock-d50-g0 mock-d0-g1 mock-d0-g10; do
    printf '[[models]]\nid = "%s"\nprovider = "openai"\nupstream = "%s"\ncontext_window = 128000\nmax_output = 16384\nprice = { input = "2.50", output = "10" }\n\n' "$m" "$m"
  done > "$d/catalog.toml"
  export LLMG_DATA_DIR=$d/data LLMG_CATALOG_FILE=$d/catalog.toml LLMG_LISTEN=127.0.0.1:$PORT LLMG_LOG=warn
  export LLMG_PROVIDER_OPENAI_API_KEY=sk-up LLMG_PROVIDER_OPENAI_BASE_URL=http://127.0.0.1:$UPSTREAM_PORT/v1
  "$LLMG_BIN" bootstrap --email bench@example.com --password 'bench password' --credits-usd 1000000 --json > "$d/keys.json"
  HDRS=(-H "authorization: Bearer $(sed -E 's/.*"api_key":"([^"]*)".*/\1/' "$d/keys.json")")
}
llmg_start() { llmg_prepare "$WORK/llmg"; "$LLMG_BIN" gateway > "$WORK/logs/llmg.log" 2>&1 & GW_PID=$!; }
llmgup_start() { llmg_prepare "$WORK/llmgup"; "$LLMG_BIN" up > "$WORK/logs/llmgup.log" 2>&1 & GW_PID=$!; }
export -f llmg_prepare llmg_start llmgup_start
export llmg_port=9710 llmg_path=/v1/chat/completions llmg_headers= llmg_model=%s
export llmgup_port=9711 llmgup_path=/v1/chat/completions llmgup_headers= llmgup_model=%s

out=$WORK/out.jsonl
: > "$out"
[ $# -gt 0 ] || set -- direct nginx floor llmg llmgup
"$BENCH/bench.sh" "$ROUNDS" "$out" "$@"
python3 "$BENCH/summary.py" "$out"
