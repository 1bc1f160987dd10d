#!/bin/sh
# A published model goes on learning from a stream: run, append entries, learn them once, predict, serve what came of it.
#
#     examples/learning.sh           # pipefit in PATH, or PIPEFIT=target/debug/pipefit examples/learning.sh
#
# It works in a folder of its own, which it removes at the end; the stream is a file in the store. With a Redis server,
# PIPEFIT_STORE=redis://127.0.0.1:6379/0, it would be a stream there, and `redis-cli XADD demand '*' price 3.5 ...` adds to it.
set -eu
case ${PIPEFIT:=pipefit} in
*/*) PIPEFIT=$(cd "$(dirname "$PIPEFIT")" && pwd)/$(basename "$PIPEFIT") ;;
esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PIPEFIT_STORE=dir:store

say() { printf '\n## %s\n' "$*"; }

# Units sold, by price and shop: about 30 - 4 price, and 5 more in the north. The second half of the year they are dearer by 10.
sales() {
    awk -v from="$1" -v to="$2" -v more="$3" 'BEGIN {
        print "price,shop,units"
        for (i = from; i < to; i++) {
            price = 2 + (i * 37 % 50) / 10; north = i % 3 == 0; noise = (i * 7919 % 13) / 13 - 0.5
            printf "%.1f,%s,%.3f\n", price, north ? "north" : "south", 30 - 4 * price + 5 * north + noise + more
        }
    }'
}
sales 0 300 0 >first.csv
sales 300 700 0 >spring.csv
sales 700 1500 10 >autumn.csv

cat >demand.yaml <<'FILE'
version: 1
name: demand
source: {file: first.csv}
target: units
preprocess:
  num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}
  cat: {columns: {type: category}, steps: [{OneHotEncoder: {handle_unknown: ignore}}]}
model: {Ridge: {alpha: 1.0}}
cv: 5
online: {stream: sales, batch: 100, half_life: 300}
FILE

say "Fit and publish on the table that there is"
"$PIPEFIT" run demand.yaml

say "400 sales come in; learn what is there, and end (without --once it would wait for more)"
"$PIPEFIT" data put sales spring.csv --as stream
"$PIPEFIT" learn demand.yaml --once

say "Autumn, and everything sells better"
"$PIPEFIT" data put sales autumn.csv --as stream
"$PIPEFIT" learn demand.yaml --once

say "Nothing new: nothing is learned twice"
"$PIPEFIT" learn demand.yaml --once

say "What the first and the latest version say of a price of 4 in the north: 19 were true, 29 are"
printf 'price,shop\n4,north\n' >ask.csv
"$PIPEFIT" predict demand:1 --input ask.csv
"$PIPEFIT" predict demand --input ask.csv

say "All versions"
"$PIPEFIT" models show demand | head -8
