#!/bin/sh
# A model over HTTP, and what happens when a better one takes its place: publish, serve, ask by four protocols, promote, roll back, stop.
#
#     examples/serving.sh            # pipefit in PATH, or PIPEFIT=target/debug/pipefit examples/serving.sh
#
# Needs curl. It works in a folder of its own, which it removes at the end.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case ${PIPEFIT:=pipefit} in
*/*) PIPEFIT=$(cd "$(dirname "$PIPEFIT")" && pwd)/$(basename "$PIPEFIT") ;;
esac
folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cp -r "$here/../pipelines" "$folder"
mkdir "$folder/examples" && cp -r "$here/data" "$folder/examples"
cd "$folder"

say() { printf '\n## %s\n' "$*"; }

say "Two versions; the alias champion names the first"
"$PIPEFIT" run pipelines/diabetes.yaml
"$PIPEFIT" run pipelines/diabetes.yaml -S 'model={Ridge: {alpha: 10}}'
"$PIPEFIT" models promote diabetes:1 --alias champion --why "the first there is"

say "Serve whatever champion names, on any free port"
"$PIPEFIT" serve diabetes@champion --bind 127.0.0.1:0 --poll 100 --json >started 2>log &
server=$!
until test -s started; do
    sleep 0.1
    kill -0 "$server" || { cat log; exit 1; }
done
at=$(sed 's/.*"address":"\([^"]*\)".*/\1/' started)
echo "$at"

ask() { curl --silent --show-error --fail-with-body "$at$1" -H "content-type: ${3:-application/json}" --data-binary "$2" && echo; }

say "Plain rows; null is a missing value"
ask /predict '[{"age": 0.04, "sex": 0.05, "bmi": 0.06, "bp": 0.02, "s1": -0.04, "s2": -0.03, "s3": -0.04, "s4": 0.0, "s5": 0.02, "s6": null}]'

say "CSV"
cut -d, -f1-10 examples/data/diabetes.csv | head -4 >rows.csv
ask /predict @rows.csv text/csv

say "The Open Inference Protocol: Triton, KServe, MLServer"
ask /v2/models/diabetes/infer '{"id": "42", "inputs": [{"name": "x", "shape": [1, 10], "datatype": "FP64",
    "data": [0.04, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, 0.0, 0.02, 0.01]}]}'

say "MLflow's"
ask /invocations '{"dataframe_split": {"columns": ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"],
    "data": [[0.04, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, 0.0, 0.02, 0.01]]}}'

say "What is wrong is told"
ask /predict '[{"age": "old"}]' || true

say "Promote version 2: the server follows, and no request is lost"
"$PIPEFIT" models promote diabetes:2 --alias champion --why "steadier"
until curl --silent "$at/models" | grep '"version":2'; do sleep 0.1; done
ask /predict @rows.csv text/csv

say "And back"
"$PIPEFIT" models rollback diabetes
until curl --silent "$at/models" | grep '"version":1'; do sleep 0.1; done

say "Numbers for Prometheus"
curl --silent "$at/metrics" | grep -E '^pipefit_(predict_rows|model_swaps)'

say "Stop: what is under way is answered first"
kill -TERM "$server"
wait "$server"
server=
cat log
