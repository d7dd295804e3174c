#!/bin/sh
# Makes mexit/mexit_pb2.py from the schema. Needs Python 3.9 to 3.12 with venv, and the network.
# The protoc of grpcio-tools 1.62 (protoc 25) is used because every protobuf runtime from 4.25 on accepts what it makes.
set -eu
cd "$(dirname "$0")"
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet 'grpcio-tools==1.62.3' 'setuptools<80'
schema=../../Sources/CMExitProto
"$venv/bin/python" -m grpc_tools.protoc -I "$schema" --python_out=mexit --pyi_out=mexit "$schema/mexit.proto"
