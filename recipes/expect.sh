# What recipes are written with: statements about effects that end the recipe when they do not hold.
#
# A recipe sources this file. It owns how a step is told, how an expectation fails, and how a command runs inside an
# instance. It knows nothing of any product: everything goes through the stock `aws`.
# shellcheck shell=bash

# How long anything that a recipe waits for may take.
: "${WAIT_SECS:=30}"

_started_ms=$(date +%s%3N)

_since_start() {
  local elapsed_ms=$(($(date +%s%3N) - _started_ms))
  printf '%3d.%03d s' $((elapsed_ms / 1000)) $((elapsed_ms % 1000))
}

# step TEXT: says what comes next.
step() {
  printf '%s  %s\n' "$(_since_start)" "$*"
}

# fail TEXT: ends the recipe.
fail() {
  printf '%s  FAILED at %s line %s: %s\n' "$(_since_start)" "${BASH_SOURCE[-1]##*/}" "${BASH_LINENO[-2]}" "$*" >&2
  exit 1
}

# skip REASON: ends the recipe as skipped.
skip() {
  printf 'SKIPPED: %s\n' "$*" | tee "$RECIPE_WORK/skipped" >&2
  exit 77
}

# expect_eq WHAT EXPECTED FOUND
expect_eq() {
  [[ $2 == "$3" ]] || fail "$1: expected '$2', found '$3'"
}

# expect_match WHAT EXTENDED-REGULAR-EXPRESSION FOUND
expect_match() {
  [[ $3 =~ $2 ]] || fail "$1: expected something like '$2', found '$3'"
}

# expect_no_match WHAT EXTENDED-REGULAR-EXPRESSION FOUND
expect_no_match() {
  if [[ $3 =~ $2 ]]; then fail "$1: did not expect '$2' in '$3'"; fi
}

# expect_error CODE COMMAND…: the command fails, and the client names this error code of AWS (an extended regular
# expression, for the few cases where AWS's code is not known for sure).
expect_error() {
  local code=$1 output
  shift
  if output=$("$@" 2>&1); then
    fail "expected the error $code, but '$*' succeeded: $output"
  fi
  [[ $output =~ \(($code)\) ]] || fail "expected the error $code from '$*', found: $output"
}

# wait_until WHAT COMMAND…: runs the command until it succeeds, for at most WAIT_SECS.
wait_until() {
  local what=$1 deadline=$((SECONDS + WAIT_SECS))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited $WAIT_SECS s for $what"
    sleep 0.1
  done
}

# wait_until_eq WHAT EXPECTED COMMAND…: runs the command until it prints exactly this.
wait_until_eq() {
  local what=$1 expected=$2 found deadline=$((SECONDS + WAIT_SECS))
  shift 2
  until found=$("$@" 2>&1) && [[ $found == "$expected" ]]; do
    ((SECONDS < deadline)) || fail "waited $WAIT_SECS s for $what: expected '$expected', last found '$found'"
    sleep 0.1
  done
}

# sorted WORD…: the words in order, separated by single spaces; for outputs whose order AWS leaves open.
sorted() {
  # Word splitting is meant: outputs of the client are separated by tabs and line ends.
  # shellcheck disable=SC2048
  printf '%s\n' $* | LC_ALL=C sort | paste -s -d ' '
}

_json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\t'/\\t}
  text=${text//$'\n'/\\n}
  printf '"%s"' "$text"
}

# in_instance ID COMMAND: runs a shell command inside an instance by Run Command, prints its output (standard error on
# standard error), and returns its exit code.
in_instance() {
  local instance=$1 command=$2 id answer code deadline=$((SECONDS + WAIT_SECS))
  id=$(aws ssm send-command --instance-ids "$instance" --document-name AWS-RunShellScript \
    --parameters "{\"commands\": [$(_json_string "$command")]}" \
    --query Command.CommandId --output text) || fail "send-command to $instance"
  while :; do
    # A command that was just sent may not be known to the invocation's reader yet.
    answer=$(aws ssm get-command-invocation --command-id "$id" --instance-id "$instance" --output json 2>&1) ||
      [[ $answer == *"(InvocationDoesNotExist)"* ]] || fail "get-command-invocation: $answer"
    code=0
    _show_finished_invocation <<<"$answer" || code=$?
    # 255 from the reader: not finished.
    ((code != 255)) && return "$code"
    ((SECONDS < deadline)) || fail "the command '$command' on $instance does not end: $answer"
    sleep 0.1
  done
}

_show_finished_invocation() {
  python3 -IS -c '
import json, sys
try:
    answer = json.load(sys.stdin)
except ValueError:
    sys.exit(255)
if answer["Status"] in ("Pending", "InProgress", "Delayed"):
    sys.exit(255)
sys.stdout.write(answer["StandardOutputContent"])
sys.stderr.write(answer["StandardErrorContent"])
code = answer["ResponseCode"]
sys.exit(code if 0 <= code < 255 else 254)'
}
