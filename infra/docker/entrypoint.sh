#!/bin/sh
# Reads settings that hold secrets from files (KOINON_DATABASE_URL_FILE and so on), then becomes the command.
set -eu

for name in KOINON_DATABASE_URL KOINON_REDIS_URL KOINON_COORDINATOR_FINGERPRINT; do
  eval "file=\${${name}_FILE:-}"
  if [ -n "$file" ]; then
    value=$(cat "$file") || { echo "koinon: ${name}_FILE cannot be read" >&2; exit 2; }
    export "$name=$value"
  fi
done

exec "$@"
