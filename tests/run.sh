#!/usr/bin/env bash
# The whole check: style, types, floors, then the tests; where PostgreSQL answers, the domain's tests again on it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
# A test run keeps to itself, whatever the shell has set for a deployment.
unset DATABASE_URL REDIS_URL BROKER_URL EMBEDDED DEBUG SECRET_KEY PUBLIC_URL GENERATOR GENERATOR_MODEL EMBEDDER_MODEL
DATA_DIR="$(mktemp -d -t parley-tests-XXXXXX)"
export DATA_DIR
trap 'rm -rf "$DATA_DIR"' EXIT

echo "== style, types, floors"
$bin/ruff check .
$bin/ruff format --check .
$bin/mypy chatbot retrieval finetune
$bin/lint-imports
$bin/python manage.py makemigrations --check --dry-run
[ "${1:-}" = lint ] && exit 0

echo "== tests"
$bin/pytest -q --durations=10 "$@"

postgres="${TEST_POSTGRES_URL:-postgres://postgres@127.0.0.1:5432/test}"
if $bin/python -m tests.services postgres; then
  echo "== the domain's tests again, on PostgreSQL"
  DATABASE_URL="$postgres" $bin/pytest -q -m "not browser" tests/conversations tests/widget tests/accounts tests/desk tests/mail tests/training
fi
