"""What stands below the flags in a verb's help: examples, and what its words and its exit code mean."""

from collections.abc import Mapping

MODELS = (
    "Closed model, 50 connections, 10 s, unless told otherwise. With a rate it is an open model: requests fall due "
    "whether or not the target keeps up, and response time counts from when they were due."
)
"""What `run` does with no word but its target."""

_RUN = """\
Thresholds: METRIC [of 'STEP'] OP VALUE [for DURATION] [abort]
  p50 p90 p99 p99.9 max    response time with --rate, else service time
  response.p99 service.p99 iteration.p99    those times by their names
  errors dropped           shares: errors < 1%
  rate iterations          what ended ok, a second: rate > 450/s
  checks                   share that held: checks > 99%, checks of 'NAME' > 99%

Examples
  apibench run http://localhost:8080/ -c 20 -d 30s
  apibench run http://localhost:8080/ --rate 500/s --threshold 'p99 < 200ms'
  apibench run plan.yaml --stage 30s:1000/s --stage 1m:0/s -o json=run.json
  apibench run shopper.py --once --trace

Exit codes
    0  passed                        105  interrupted
   99  a threshold failed, or        111  target unreachable
       nothing succeeded               2  bad words
  112  the measurement is invalid    104  bad plan
  113  nothing was sent                1  our fault, or an output was lost
"""

_ECHO = """\
Knobs, of all requests with --knobs or of one in its query (5 is 5 %, 1 always)
  delay=2ms:90,200ms:10  status=503:1  size=1k  close=1  chunked=1
  until_close=1  http10=1  reset=1  stall=1  truncate=1  nonsense=1
  endless=1  redirect=3  echo=1  drip=10ms
  /_counts answers with what the server has counted.

Examples
  apibench echo --knobs 'delay=2ms:99,40ms:1&status=503:0.5'
  apibench echo --http 127.0.0.1:0 --serve 200us --freeze 10s:1s
"""

_IMPORT = """\
Kinds
  curl         commands of curl: a file of them, or 'curl …' itself
  har          a recording of a browser; a second one of the same journey tells
               what comes out of answers
  postman      a collection, version 2.1; an environment may be the second
  openapi      a description of an API, version 3.0 or 3.1, in JSON or YAML
  locustfile   users of Locust; the file is parsed, and never imported
  k6           a script of k6, of the usual kind; it is parsed, and never run

What was not converted is told on standard error, each with its place, and
stands at the top of the file. Secrets are never written: the file names them,
and says what to set. See docs/importing.md.

Examples
  apibench import curl 'curl https://shop.example/orders' -o orders.py
  apibench import locustfile locustfile.py -o shopper.py
"""

BELOW: Mapping[str, str] = {"run": _RUN, "echo": _ECHO, "import": _IMPORT}
"""By verb."""
