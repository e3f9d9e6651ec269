#!/bin/sh
# Makes the stores' passwords once. Containers read them under another uid, so the files are readable
# and the folder around them is not.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

[ -f secrets/postgres_password ] || random > secrets/postgres_password
[ -f secrets/redis_password ] || random > secrets/redis_password
printf 'postgres://koinon:%s@postgres:5432/koinon' "$(cat secrets/postgres_password)" > secrets/database_url
printf 'redis://:%s@redis:6379' "$(cat secrets/redis_password)" > secrets/redis_url
chmod 444 secrets/postgres_password secrets/redis_password secrets/database_url secrets/redis_url
