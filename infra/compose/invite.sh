#!/bin/sh
# invite.sh SITE 'DISPLAY NAME': invites one hospital and keeps its one-time token for its edge node.
set -eu
cd "$(dirname "$0")"
[ $# -eq 2 ] || { echo "usage: $0 SITE 'DISPLAY NAME'" >&2; exit 2; }
umask 077
mkdir -p secrets

docker compose exec -T coordinator node --input-type=module - "$1" "$2" < invite.mjs > secrets/invitation
sed -n 1p secrets/invitation > "secrets/$1_token"
sed -n 2p secrets/invitation > secrets/coordinator_fingerprint
rm secrets/invitation
chmod 444 "secrets/$1_token" secrets/coordinator_fingerprint
